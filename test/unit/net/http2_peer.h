// A real HTTP/2 client (nghttp2's) against an Http2Session, in memory: no sockets, no threads, no waiting.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "net/http2_session.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"

namespace saccade::net::test {

// What a test's conversation has seen.
struct Seen {
  std::string data;
  bool ended = false;
  bool drained = false;
  int sendable = 0;
  int closed = 0;
};

class RecordingSession final : public StreamSession {
 public:
  RecordingSession(Seen& seen, std::shared_ptr<Stream> stream, bool consumes)
      : seen_(seen), stream_(std::move(stream)), consumes_(consumes) {}
  void on_data(std::string_view bytes) override {
    seen_.data += bytes;
    if (consumes_) stream_->consume(bytes.size());
  }
  void on_end() override { seen_.ended = true; }
  void on_sendable() override { ++seen_.sendable; }
  void on_drain() override { seen_.drained = true; }
  void on_closed() override { ++seen_.closed; }

 private:
  Seen& seen_;
  std::shared_ptr<Stream> stream_;
  bool consumes_;
};

// Conversations below /talk, whole requests elsewhere; answers are given by the test.
class TestHandler final : public HttpHandler {
 public:
  struct Whole {
    std::string method, target, body, host, cookie;
    std::shared_ptr<HttpExchange> exchange;
  };
  void handle(const HttpRequest& request, std::shared_ptr<HttpExchange> exchange) override {
    whole.push_back({std::string(request.method), std::string(request.target), std::string(request.body),
                     std::string(request.header("host")), std::string(request.header("cookie")), exchange});
    if (on_whole) on_whole(whole.back());
  }
  std::unique_ptr<StreamSession> open_stream(const HttpRequest& head,
                                             const std::shared_ptr<Stream>& stream) override {
    if (!head.path.starts_with("/talk")) return nullptr;
    talks.push_back(stream);
    seen.push_back(std::make_unique<Seen>());
    return std::make_unique<RecordingSession>(*seen.back(), stream, consumes);
  }
  HttpResponse refusal(int status, std::string_view message) override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message), .headers = {}};
  }

  std::vector<Whole> whole;
  std::function<void(Whole&)> on_whole;
  std::vector<std::shared_ptr<Stream>> talks;
  std::vector<std::unique_ptr<Seen>> seen;
  bool consumes = true;
};

struct Answer {
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> trailers;
  std::string data;
  int informational = 0;  // status of the last interim answer
  bool closed = false;
  std::uint32_t error_code = 0;
  std::string status() { return headers[":status"]; }
};

// Both ends and what lies between them.
class Http2Peer final : public Http2Session::Owner {
 public:
  explicit Http2Peer(Limits the_limits = {}) : limits(the_limits) {
    session = std::make_unique<Http2Session>(state, *this);
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_max_outbound_ack(options, 100'000);
    nghttp2_session_client_new2(&client, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
  }
  ~Http2Peer() override {
    session.reset();
    nghttp2_session_del(client);
  }
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  void hello() {
    nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, nullptr, 0);
    pump();
  }

  std::int32_t ask(const std::string& method, const std::string& path, std::string body = "", bool end = true,
                   const std::vector<std::pair<std::string, std::string>>& more = {}) {
    std::vector<std::pair<std::string, std::string>> fields{
        {":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "here:1"}};
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> block;
    for (auto& [name, value] : fields) {
      block.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                       reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
    }
    auto upload = std::make_unique<Upload>(Upload{std::move(body), 0, end});
    nghttp2_data_provider provider{{.ptr = upload.get()}, read_upload};
    const bool bare = upload->bytes.empty() && end;
    const std::int32_t id = nghttp2_submit_request(client, nullptr, block.data(), block.size(),
                                                   bare ? nullptr : &provider, nullptr);
    uploads[id] = std::move(upload);
    return id;
  }
  void send_more(std::int32_t id, std::string bytes, bool end) {
    uploads[id]->bytes += bytes;
    uploads[id]->ends = end;
    nghttp2_session_resume_data(client, id);
    pump();
  }

  // Carries bytes both ways until neither side has any.
  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      const std::uint8_t* bytes = nullptr;
      std::string to_server;
      for (std::ptrdiff_t count = 0; (count = nghttp2_session_mem_send(client, &bytes)) > 0;) {
        to_server.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
      }
      if (!to_server.empty()) session->feed(to_server), moved = true;
      moved = to_client() || moved;
    }
  }
  bool to_client() {
    std::string out;
    session->take(out, std::size_t{1} << 20);
    session->taken();
    if (out.empty()) return false;
    nghttp2_session_mem_recv(client, reinterpret_cast<const std::uint8_t*>(out.data()), out.size());
    return true;
  }
  // The client has read the answer's data: the server may send as much again.
  void read(std::int32_t id, std::size_t count) {
    nghttp2_session_consume(client, id, count);
    pump();
  }

  Answer& operator[](std::int32_t id) { return answers[id]; }

  Limits limits;
  runtime::EventLoop loop{0};
  observe::Registry registry;
  NetMetrics metrics{registry};
  TestHandler handler;
  LoopState state{loop, limits, handler, metrics};
  std::unique_ptr<Http2Session> session;
  nghttp2_session* client = nullptr;
  std::map<std::int32_t, Answer> answers;
  std::vector<std::pair<std::int32_t, std::uint32_t>> goaways;  // last stream, error code
  int pings = 0;                                                // of the server's own
  int outputs = 0;

 private:
  struct Upload {
    std::string bytes;
    std::size_t sent = 0;
    bool ends = true;
  };
  std::map<std::int32_t, std::unique_ptr<Upload>> uploads;

  void on_output() override { ++outputs; }

  static Http2Peer& me(void* user) { return *static_cast<Http2Peer*>(user); }
  static std::ptrdiff_t read_upload(nghttp2_session* /*session*/, std::int32_t /*id*/, std::uint8_t* place,
                                    std::size_t room, std::uint32_t* flags, nghttp2_data_source* source,
                                    void* /*user*/) {
    auto& upload = *static_cast<Upload*>(source->ptr);
    const std::size_t count = std::min(room, upload.bytes.size() - upload.sent);
    std::copy_n(upload.bytes.data() + upload.sent, count, place);
    upload.sent += count;
    if (upload.sent == upload.bytes.size() && upload.ends) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (count == 0 && !upload.ends) return NGHTTP2_ERR_DEFERRED;
    return static_cast<std::ptrdiff_t>(count);
  }
  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t /*flags*/, void* user) {
    Answer& answer = me(user).answers[frame->hd.stream_id];
    const std::string field(reinterpret_cast<const char*>(name), name_length);
    const std::string text(reinterpret_cast<const char*>(value), value_length);
    if (field == ":status" && text.starts_with("1")) {
      answer.informational = std::stoi(text);
    } else if (frame->headers.cat == NGHTTP2_HCAT_RESPONSE || !answer.headers.contains(":status")) {
      answer.headers[field] = text;
    } else {
      answer.trailers[field] = text;
    }
    return 0;
  }
  static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      me(user).goaways.emplace_back(frame->goaway.last_stream_id, frame->goaway.error_code);
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) ++me(user).pings;
    return 0;
  }
  static int on_data(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t id,
                     const std::uint8_t* data, std::size_t length, void* user) {
    nghttp2_session_consume_connection(session, length);
    me(user).answers[id].data.append(reinterpret_cast<const char*>(data), length);
    return 0;
  }
  static int on_close(nghttp2_session* /*session*/, std::int32_t id, std::uint32_t error_code, void* user) {
    me(user).answers[id].closed = true;
    me(user).answers[id].error_code = error_code;
    return 0;
  }
};

}  // namespace saccade::net::test
