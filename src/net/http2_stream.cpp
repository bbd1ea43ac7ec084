#include "net/http2_stream.h"

#include <array>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "net/http2_session.h"
#include "runtime/memory_in_flight.h"

namespace saccade::net {
namespace {

constexpr std::size_t kKeptOutBytes = std::size_t{16} * 1024;  // capacity that a drained stream keeps
constexpr std::array<char, kBodyPadding> kNoBody{};

nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  // nghttp2 takes pointers to what it does not change.
  return {const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data())),
          const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data())), name.size(),
          value.size(), flags};
}

// A header block to be submitted. nghttp2 copies what is not literal.
class Block {
 public:
  void add(std::string_view name, std::string_view value) { fields_.push_back(field(name, value)); }
  void add_named(std::string_view literal_name, std::string_view value) {
    fields_.push_back(field(literal_name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME));
  }
  void add_unique(std::string_view literal_name, std::string_view value) {
    fields_.push_back(field(literal_name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_INDEX));
  }
  void add(const Headers& headers) {
    for (const auto& [name, value] : headers) add(name, value);
  }
  void add_status(int status) {
    std::to_chars(status_.data(), status_.data() + status_.size(), status);
    add_named(":status", {status_.data(), status_.size()});
  }
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<nghttp2_nv> fields_;
  std::array<char, 3> status_{};
};

}  // namespace

Http2Stream::Http2Stream(Http2Session& session, runtime::EventLoop& loop, std::int32_t id,
                         base::TimePoint now)
    : session_(&session), peer_(session.peer_), loop_(loop), id_(id), opened_(now), progress_(now) {}

// ---- the peer's side

void Http2Stream::on_head(const HttpRequest& request, Http2Head& head, bool ends, HttpHandler& handler) {
  head_only_ = request.method == "HEAD";
  if (head.too_large()) {
    const Limits& limits = session_->state_.limits;
    return refuse(431, "the headers have more than " + std::to_string(limits.headers) + " fields or " +
                           std::to_string(limits.header_bytes) + " bytes");
  }
  if (head.hosts_differ()) return refuse(400, "Host names another host than :authority");
  if (request.method == "CONNECT") return refuse(501, "CONNECT is not served: this is no proxy");
  conversation_ = handler.open_stream(request, std::static_pointer_cast<Http2Stream>(shared_from_this()));
  if (conversation_ || ends) return;
  const std::string_view announced = request.header("content-length");
  std::uint64_t length = 0;
  std::from_chars(announced.data(), announced.data() + announced.size(), length);
  if (length > session_->state_.limits.body_bytes) {
    return refuse(413, "the body has " + std::string(announced) + " bytes, at most " +
                           std::to_string(session_->state_.limits.body_bytes) + " are taken");
  }
  if (equal_ignoring_case(request.header("expect"), "100-continue")) {
    Block block;
    block.add_status(100);
    nghttp2_submit_headers(session_->session_, NGHTTP2_FLAG_NONE, id_, nullptr, block.data(), block.size(),
                           nullptr);
    session_->owner_.on_output();
  }
  head_ = std::move(head);
  session_->due_by(opened_ + session_->state_.limits.body_timeout);
}

void Http2Stream::on_data(std::string_view bytes) {
  if (conversation_ && !reset_) {
    if (session_->full(bytes.size())) return reset(NGHTTP2_ENHANCE_YOUR_CALM);
    unconsumed_ += bytes.size();
    session_->collected_ += bytes.size();
    return conversation_->on_data(bytes);
  }
  if (collecting()) {
    const std::size_t limit = session_->state_.limits.body_bytes;
    if (body_.size() + bytes.size() > limit) {
      refuse(413, "the body has more than the " + std::to_string(limit) + " bytes taken");
    } else if (session_->full(bytes.size())) {
      refuse(503, "this connection has too many bytes of requests and answers under way; try again");
    } else if (runtime::memory_in_flight().full(bytes.size())) {
      refuse(503, kMemoryFull);
    } else {
      body_.append(bytes);
      session_->collected_ += bytes.size();
    }
  }
  consume(bytes.size());
}

void Http2Stream::on_end() {
  const bool collected = collecting();
  request_ended_ = true;
  if (conversation_) {
    if (!reset_) conversation_->on_end();
  } else if (collected) {
    hand_up();
  }
}

void Http2Stream::hand_up() {
  Http2Session& session = *session_;
  HttpRequest& request = session.request_;
  if (head_.empty()) {
    request.body = {kNoBody.data(), 0};
  } else {
    head_.fill(request);
    request.body = body_.empty() ? std::string_view(kNoBody.data(), 0) : body_.view();
  }
  session.state_.handler.handle(request, std::static_pointer_cast<Http2Stream>(shared_from_this()));
  session.collected_ -= body_.size();
  body_ = {};
  head_ = {};
}

void Http2Stream::closed() {
  gone_.store(true, std::memory_order_relaxed);
  Http2Session& session = *session_;
  session.collected_ -= body_.size() + unconsumed_ + held_;
  session.unsent_ -= unsent_bytes();
  body_ = {};
  out_ = {};
  out_sent_ = 0;
  session_ = nullptr;
  if (const auto conversation = std::move(conversation_)) conversation->on_closed();
}

// ---- our side

void Http2Stream::output() {
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_->session_, id_);
  }
  session_->owner_.on_output();
}

namespace {

std::ptrdiff_t provide(nghttp2_session* /*session*/, std::int32_t /*id*/, std::uint8_t* place,
                       std::size_t room, std::uint32_t* flags, nghttp2_data_source* source, void* /*user*/) {
  return static_cast<Http2Stream*>(source->ptr)->read_frame(reinterpret_cast<char*>(place), room, *flags);
}

}  // namespace

void Http2Stream::send_headers(int status, Headers headers) {
  if (!takes_more() || headers_sent_) return;
  Block block;
  block.add_status(status);
  block.add(headers);
  headers_sent_ = true;
  nghttp2_data_provider provider{{.ptr = this}, provide};
  nghttp2_submit_response(session_->session_, id_, block.data(), block.size(), &provider);
  output();
}

void Http2Stream::send_data(std::string bytes) {
  if (!takes_more() || !headers_sent_ || bytes.empty()) return;
  session_->unsent_ += bytes.size();
  if (unsent_bytes() == 0) {
    progress_ = base::now();
    session_->due_by(progress_ + session_->state_.limits.write_timeout);
    out_ = std::move(bytes);
    out_sent_ = 0;
  } else {
    if (out_sent_ > out_.size() / 2) {
      out_.erase(0, out_sent_);
      out_sent_ = 0;
    }
    out_ += bytes;
  }
  was_full_ = was_full_ || unsent_bytes() > StreamSession::kLowWater;
  output();
}

void Http2Stream::send_trailers(Headers trailers) {
  if (!takes_more()) return;
  answered_ = true;
  if (headers_sent_) {
    trailers_ = std::move(trailers);
    return output();
  }
  headers_sent_ = true;
  Block block;
  block.add_status(200);
  block.add(trailers);
  nghttp2_submit_response(session_->session_, id_, block.data(), block.size(), nullptr);
  output();
}

void Http2Stream::reset(std::uint32_t error_code) {
  if (session_ == nullptr || reset_) return;
  reset_ = true;
  nghttp2_submit_rst_stream(session_->session_, NGHTTP2_FLAG_NONE, id_, error_code);
  session_->owner_.on_output();
}

void Http2Stream::consume(std::size_t bytes) {
  if (session_ == nullptr || bytes == 0) return;
  const std::size_t held = std::min(bytes, unconsumed_);
  unconsumed_ -= held;
  session_->collected_ -= held;
  nghttp2_session_consume_stream(session_->session_, id_, bytes);
  if (session_->wants_write()) session_->owner_.on_output();
}

bool Http2Stream::hold(std::size_t bytes) {
  if (session_ == nullptr || (bytes > held_ && session_->full(bytes - held_))) return false;
  session_->collected_ = session_->collected_ - held_ + bytes;
  held_ = bytes;
  return true;
}

void Http2Stream::refuse(int status, std::string_view message) {
  respond(session_->state_.handler.refusal(status, message));
}

void Http2Stream::respond(HttpResponse response) {
  if (!takes_more() || headers_sent_) return;
  answered_ = true;
  headers_sent_ = true;
  Block block;
  block.add_status(response.status);
  block.add_named("date", session_->state_.date());
  if (!response.content_type.empty()) block.add_named("content-type", response.content_type);
  std::array<char, 20> length{};
  if (response.status != 204 && response.status != 304) {
    const char* end = std::to_chars(length.data(), length.data() + length.size(), response.body.size()).ptr;
    block.add_named("content-length", {length.data(), static_cast<std::size_t>(end - length.data())});
  }
  std::array<char, base::kUuidTextLength> id{};
  if (response.id) {
    response.id->write(id.data());
    // Never the same twice: kept out of the table that compresses headers.
    block.add_unique("x-request-id", {id.data(), id.size()});
  }
  block.add(response.headers);
  if (head_only_ || response.body.empty()) {
    nghttp2_submit_response(session_->session_, id_, block.data(), block.size(), nullptr);
  } else {
    out_ = std::move(response.body);
    session_->unsent_ += out_.size();
    progress_ = base::now();
    session_->due_by(progress_ + session_->state_.limits.write_timeout);
    nghttp2_data_provider provider{{.ptr = this}, provide};
    nghttp2_submit_response(session_->session_, id_, block.data(), block.size(), &provider);
  }
  session_->owner_.on_output();
}

base::Status Http2Stream::accept_websocket(const HttpRequest& /*request*/,
                                           std::unique_ptr<WebSocketSession> /*session*/) {
  return base::invalid_argument("a WebSocket is opened over HTTP/1.1 here; this connection speaks HTTP/2");
}

std::ptrdiff_t Http2Stream::read_frame(char* place, std::size_t room, std::uint32_t& flags) {
  const std::size_t count = std::min(room, unsent_bytes());
  if (count == 0 && !answered_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(place, out_.data() + out_sent_, count);
  out_sent_ += count;
  session_->unsent_ -= count;
  progress_ = session_->now_;
  if (was_full_ && conversation_ && unsent_bytes() <= StreamSession::kLowWater) {
    was_full_ = false;
    session_->sendable_.push_back(self_);
  }
  if (unsent_bytes() > 0) return static_cast<std::ptrdiff_t>(count);
  out_.clear();
  if (out_.capacity() > kKeptOutBytes) std::string().swap(out_);
  out_sent_ = 0;
  if (answered_) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!trailers_.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Block block;
      block.add(trailers_);
      nghttp2_submit_trailer(session_->session_, id_, block.data(), block.size());
    }
  }
  return static_cast<std::ptrdiff_t>(count);
}

}  // namespace saccade::net
