// The wall between this room and those above: a request goes up, one answer comes down.
//
// All calls happen on the event loop of the connection. Handlers are shared by all loops and must be safe
// from several at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_message.h"
#include "net/peer.h"
#include "net/stream.h"
#include "runtime/event_loop.h"

namespace saccade::net {

// A WebSocket connection as its session sees it. Each message gets exactly one reply; replies leave in the
// order of the messages, whenever they are given.
class WebSocketPeer : public std::enable_shared_from_this<WebSocketPeer> {
 public:
  virtual ~WebSocketPeer() = default;
  // `ticket` came with the message. Calls after the connection has ended do nothing.
  virtual void reply(std::uint64_t ticket, bool binary, std::string payload) = 0;
  // Ends the connection in place of an answer to this message, the last one that came: once the earlier ones
  // are answered, with a code of RFC 6455, 7.4 and a short reason.
  virtual void close(std::uint64_t ticket, std::uint16_t code, std::string_view reason) = 0;
  virtual runtime::EventLoop& loop() = 0;
  // Becomes true when the peer has gone for good.
  virtual std::shared_ptr<const std::atomic<bool>> gone() const = 0;
  // Who is at the other end; lives as long as this.
  virtual const Peer& peer() const = 0;
};

class WebSocketSession {
 public:
  virtual ~WebSocketSession() = default;
  // `payload` is valid during the call, followed by kBodyPadding readable bytes; text was checked to be
  // UTF-8.
  virtual void on_message(const std::shared_ptr<WebSocketPeer>& peer, std::uint64_t ticket, bool binary,
                          std::string_view payload) = 0;
};

// One request's way back. respond() or accept_websocket() is called exactly once, during handle() or later,
// on the same loop. The object may be kept as long as needed; once the peer has gone an answer is dropped.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual void respond(HttpResponse response) = 0;
  // Makes the connection a WebSocket (RFC 6455) that `session` serves, or says what its handshake
  // lacks: then respond() is still to be called.
  virtual base::Status accept_websocket(const HttpRequest& request,
                                        std::unique_ptr<WebSocketSession> session) = 0;
  virtual runtime::EventLoop& loop() = 0;
  virtual std::shared_ptr<const std::atomic<bool>> gone() const = 0;
  // Who asks; lives as long as this.
  virtual const Peer& peer() const = 0;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void handle(const HttpRequest& request, std::shared_ptr<HttpExchange> exchange) = 0;
  // The head of an HTTP/2 request has come (its body is empty here). A session makes its stream a
  // conversation; null: the request is collected and goes to handle().
  virtual std::unique_ptr<StreamSession> open_stream(const HttpRequest& head,
                                                     const std::shared_ptr<Stream>& stream) {
    (void)head, (void)stream;
    return nullptr;
  }
  // The answer to bytes that are no request (parse errors, limits): status and what was wrong.
  virtual HttpResponse refusal(int status, std::string_view message) = 0;
};

}  // namespace saccade::net
