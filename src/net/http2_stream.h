// One HTTP/2 stream of the server's side: a conversation (Stream, where the handler opened one) or a request
// that is collected and answered as a whole (HttpExchange).
//
// Lifecycle: made by its Http2Session when the request's head is whole; the session holds it until both sides
// have ended, the peer has reset it or the connection is gone (closed()). Whoever keeps it longer may call
// it, which then does nothing, and may let it go on any thread. All else belongs to the loop's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http2_head.h"
#include "net/http_handler.h"
#include "net/receive_buffer.h"
#include "net/stream.h"

namespace saccade::net {

class Http2Session;

class Http2Stream final : public Stream, public HttpExchange {
 public:
  Http2Stream(Http2Session& session, runtime::EventLoop& loop, std::int32_t id, base::TimePoint now);

  void send_headers(int status, Headers headers) override;
  void send_data(std::string bytes) override;
  void send_trailers(Headers trailers) override;
  void reset(std::uint32_t error_code) override;
  std::size_t unsent_bytes() const override { return out_.size() - out_sent_; }
  void consume(std::size_t bytes) override;
  bool hold(std::size_t bytes) override;

  void respond(HttpResponse response) override;
  base::Status accept_websocket(const HttpRequest& request,
                                std::unique_ptr<WebSocketSession> session) override;

  runtime::EventLoop& loop() override { return loop_; }
  std::shared_ptr<const std::atomic<bool>> gone() const override { return {shared_from_this(), &gone_}; }
  const Peer& peer() const override { return *peer_; }

  // Fills a DATA frame: how many bytes, or nghttp2's error code. For nghttp2 to call.
  std::ptrdiff_t read_frame(char* place, std::size_t room, std::uint32_t& flags);

 private:
  friend class Http2Session;

  // What the peer sends, as the session hears of it.
  void on_head(const HttpRequest& request, Http2Head& head, bool ends, HttpHandler& handler);
  void on_data(std::string_view bytes);
  void on_end();
  // The last call.
  void closed();
  void refuse(int status, std::string_view message);
  void hand_up();
  bool collecting() const { return conversation_ == nullptr && !request_ended_ && !answered_; }

  bool takes_more() const { return session_ != nullptr && !answered_ && !reset_; }
  void output();

  Http2Session* session_;  // null once closed
  const PeerPointer peer_;
  runtime::EventLoop& loop_;
  std::int32_t id_;
  std::unique_ptr<StreamSession> conversation_;
  Http2Head head_;              // of a request whose body is still to come
  ReceiveBuffer body_;          // so far
  std::size_t unconsumed_ = 0;  // of what the conversation was given
  std::size_t held_ = 0;        // consumed, and kept by the conversation all the same

  std::string out_;  // given to send_data(), from out_sent_ on not yet in a frame
  std::size_t out_sent_ = 0;
  Headers trailers_;
  base::TimePoint opened_;
  base::TimePoint progress_;  // the last time that some of out_ left

  bool headers_sent_ = false;
  bool deferred_ = false;       // nghttp2 waits to be told that there is data
  bool answered_ = false;       // all that we shall send has been given
  bool reset_ = false;          // by us
  bool request_ended_ = false;  // the peer's side
  bool head_only_ = false;      // a HEAD request: no body goes back
  bool was_full_ = false;       // more than kLowWater was unsent: on_sendable() is due below it
  std::atomic<bool> gone_{false};

  std::shared_ptr<Http2Stream> self_;  // the session's hold
  Http2Stream* previous_ = nullptr;    // in the session's list of open streams
  Http2Stream* next_ = nullptr;
};

}  // namespace saccade::net
