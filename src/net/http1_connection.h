// One HTTP/1.1 connection: requests in, one at a time, answers out in their order. Bytes of further requests
// wait in the buffer, bounded, until the answer has left. Belongs to its loop's thread.
//
// Every connection begins as one of these. One whose first bytes are HTTP/2's preface is handed over to an
// Http2Connection, one that asks for a WebSocket to a WebSocketConnection.
//
// A peer that ends its sending side while it waits still gets its answer. To learn whether it is still there
// at all, an interim answer (102, RFC 9110 15.2) is sent to it: a socket that was closed altogether refuses
// it, and its request is given up before it costs compute.
#pragma once

#include "net/connection.h"
#include "net/http1_parser.h"
#include "net/http_handler.h"
#include "net/receive_buffer.h"

namespace saccade::net {

class Http1Connection final : public Connection,
                              public HttpExchange,
                              public std::enable_shared_from_this<Http1Connection> {
 public:
  Http1Connection(LoopState& state, Wire wire);
  ~Http1Connection() override;
  void start();

  void on_deadline() override;
  void drain() override;

  void respond(HttpResponse response) override;
  base::Status accept_websocket(const HttpRequest& request,
                                std::unique_ptr<WebSocketSession> session) override;
  runtime::EventLoop& loop() override { return state_.loop; }
  std::shared_ptr<const std::atomic<bool>> gone() const override { return gone_; }
  const Peer& peer() const override { return *peer_; }

 private:
  std::shared_ptr<Connection> self() override { return shared_from_this(); }
  void on_readable() override;
  void on_sent() override { next(); }
  void on_broken() override;

  void process(std::string_view bytes, std::size_t from);
  void become_http2(std::string_view bytes);
  void await_more(std::string_view bytes);
  void dispatch(std::string_view bytes);
  void read_ahead();
  void peer_ended_sending();
  void next();
  void refuse_for_memory();
  void refuse(int status, std::string_view message);
  void write(const HttpResponse& response, bool close_after);

  Http1Parser parser_;
  ReceiveBuffer buffer_;             // the message under way, or what came after it
  std::string_view behind_request_;  // during handle(): the bytes after the request
  bool first_ = true;                // no request has been read yet: it may still turn out to be HTTP/2
  bool busy_ = false;                // a request has gone up, its answer has not been written
  bool dispatching_ = false;         // inside handle()
  bool close_after_ = false;         // once the answer is out
  bool version_1_0_ = false;         // of the request whose answer is next
  bool head_ = false;                // the request under way is a HEAD: no body goes back
  bool peer_ended_ = false;
  bool continued_ = false;   // "100 Continue" was sent for the request under way
  bool in_message_ = false;  // some bytes of a request have come
};

}  // namespace saccade::net
