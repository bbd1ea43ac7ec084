// An HTTP/2 stream as a conversation: both sides may send at any time until each has ended. gRPC is made of
// these; whole requests and answers go the way of http_handler.h instead.
//
// Everything happens on the event loop of the connection.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_message.h"
#include "net/peer.h"
#include "runtime/event_loop.h"

namespace saccade::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The way back to the peer. May be kept after the stream has ended: then calls do nothing.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  virtual ~Stream() = default;
  // Headers once, data any number of times, trailers once, in this order. Names in lower case, without
  // pseudo-headers. Nothing leaves before the end of the loop's turn, so that one write carries all.
  virtual void send_headers(int status, Headers headers) = 0;
  virtual void send_data(std::string bytes) = 0;
  // Ends our side. Where no headers were sent they go first, with status 200, in the same block (gRPC's
  // "trailers only").
  virtual void send_trailers(Headers trailers) = 0;
  // Ends both sides at once with an error code of RFC 9113, 7.
  virtual void reset(std::uint32_t error_code) = 0;

  // Given to send_data() and not yet on its way: the peer's window, or its socket, is full.
  virtual std::size_t unsent_bytes() const = 0;
  // Lets the peer send so many bytes more. What on_data() brought counts against the stream's window until it
  // is consumed; the connection's own window is not held back by it.
  virtual void consume(std::size_t bytes) = 0;
  // How many consumed bytes the session keeps all the same, until it says another number: they count among
  // what one connection may have us keep. False: that is too much, and nothing was changed.
  virtual bool hold(std::size_t bytes) = 0;

  virtual runtime::EventLoop& loop() = 0;
  virtual std::shared_ptr<const std::atomic<bool>> gone() const = 0;
  // Who is at the other end; lives as long as this.
  virtual const Peer& peer() const = 0;
};

// What answers a stream; owned by the connection until on_closed() has returned.
class StreamSession {
 public:
  // unsent_bytes() below which on_sendable() is called again.
  static constexpr std::size_t kLowWater = std::size_t{64} * 1024;

  virtual ~StreamSession() = default;
  virtual void on_data(std::string_view bytes) = 0;  // valid during the call; consume() is up to the session
  virtual void on_end() = 0;                         // the peer has ended its side
  virtual void on_sendable() = 0;                    // unsent_bytes() has fallen to kLowWater or below
  virtual void on_drain() = 0;   // the server ends: what is under way may finish, endless streams should end
  virtual void on_closed() = 0;  // the last call: both sides have ended, or the peer has reset or gone
};

}  // namespace saccade::net
