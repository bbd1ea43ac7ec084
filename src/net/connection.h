// One socket on one loop: reading when there is something, writing what could not be sent at once, a
// deadline, an end. The protocols (http1_connection, websocket_connection) derive from it.
//
// Lifecycle: made and added to its LoopState on the loop's thread; close() ends it from any state, once;
// handlers under way keep it alive by shared_ptr. All members belong to the loop's thread, except the flag
// behind gone().
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "base/clock.h"
#include "net/loop_state.h"

namespace saccade::net {

class Connection {
 public:
  Connection(LoopState& state, boost::asio::ip::tcp::socket socket);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  base::TimePoint deadline() const { return deadline_; }
  virtual void on_deadline() = 0;
  virtual void drain() = 0;
  // Closes the socket and forgets the connection. Nothing is sent; idempotent.
  void close();

 protected:
  enum class Read : std::uint8_t { kBytes, kNothingYet, kEndOfStream, kFailed };
  struct ReadResult {
    Read kind = Read::kNothingYet;
    std::size_t count = 0;
  };

  virtual std::shared_ptr<Connection> self() = 0;
  virtual void on_readable() = 0;
  // All that was given to send() has left.
  virtual void on_sent() = 0;

  // Asks for one on_readable(); does nothing while one is pending.
  void wait_readable();
  ReadResult read_into(char* place, std::size_t room);
  // Sends now what the socket takes and keeps the rest. False: the peer has gone, the connection is closed.
  bool send(std::string_view bytes);
  bool sending() const { return !unsent_.empty(); }
  std::size_t unsent_bytes() const { return unsent_.size() - sent_; }
  // Ends our side, then reads on for a moment so that the peer sees what was sent before the end.
  void linger();
  // Hands the socket over to another connection; this one ends without closing it.
  boost::asio::ip::tcp::socket release_socket();
  bool closed() const { return closed_; }
  bool lingering() const { return lingering_; }
  void set_deadline(std::chrono::milliseconds from_now) { deadline_ = base::now() + from_now; }
  void clear_deadline() { deadline_ = base::TimePoint::max(); }

  LoopState& state_;
  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<std::atomic<bool>> gone_;

 private:
  void wait_writable();
  void send_rest();
  void read_to_the_end();

  base::TimePoint deadline_ = base::TimePoint::max();
  std::string unsent_;
  std::size_t sent_ = 0;  // of unsent_, from its front
  bool waiting_ = false;
  bool closed_ = false;
  bool lingering_ = false;
  bool released_ = false;
};

}  // namespace saccade::net
