#include "net/http2_session.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace saccade::net {
namespace {

// A large tensor is on its way without waiting for us; what all streams together may send before somebody has
// to read it is bounded by what is kept (Limits::http2_buffered_bytes), not by the connection's window.
constexpr std::int32_t kStreamWindow = 4 * 1024 * 1024;
constexpr std::int32_t kConnectionWindow = 16 * 1024 * 1024;
// Of one header block, times the limit for its fields: compression makes them smaller, never larger.
constexpr std::size_t kBlockFactor = 2;
constexpr std::size_t kFrameCost = 1024;     // what a frame of such a block counts besides its bytes
constexpr std::uint32_t kMostPadding = 256;  // with the byte that says how much
constexpr std::size_t kRememberedResets = 128;
constexpr std::chrono::milliseconds kDrainWait{1'000};  // for the peer to see the first GOAWAY
constexpr std::array<std::uint8_t, 8> kDrainPing{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
constexpr std::array<std::uint8_t, 8> kAlivePing{'a', 'l', 'i', 'v', 'e', '?', '?', '?'};

std::string_view view(const std::uint8_t* bytes, std::size_t length) {
  return {reinterpret_cast<const char*>(bytes), length};
}

}  // namespace

// What nghttp2 calls; `user` is the session.
struct Http2Session::Callbacks {
  static Http2Session& me(void* user) { return *static_cast<Http2Session*>(user); }
  static Http2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_frame(nghttp2_session* /*session*/, const nghttp2_frame_hd* header, void* user) {
    if (header->type == NGHTTP2_HEADERS && me(user).names_ended_stream(header->stream_id)) {
      me(user).terminate(NGHTTP2_STREAM_CLOSED);
    }
    return 0;
  }

  static int on_begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    me(user).last_opened_ = std::max(me(user).last_opened_, frame->hd.stream_id);
    me(user).head_.clear();
    return 0;
  }

  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t /*flags*/, void* user) {
    const auto added =
        me(user).head_.add(view(name, name_length), view(value, value_length), me(user).state_.limits);
    if (added == Http2Head::Added::kFlood) me(user).terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          me(user).open(frame->hd.stream_id, ends);
          break;
        }
        [[fallthrough]];  // trailers: only their end matters
      case NGHTTP2_DATA:
        if (ends) {
          if (Http2Stream* found = stream(session, frame->hd.stream_id)) found->on_end();
        }
        break;
      case NGHTTP2_SETTINGS:
        me(user).greeted_ = true;
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
            std::ranges::equal(frame->ping.opaque_data, kDrainPing)) {
          me(user).final_goaway();
        }
        break;
      default:
        break;
    }
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t id,
                     const std::uint8_t* data, std::size_t length, void* user) {
    me(user).guard_.useful_frame();
    nghttp2_session_consume_connection(session, length);
    if (Http2Stream* found = stream(session, id)) found->on_data(view(data, length));
    return 0;
  }

  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_RST_STREAM) me(user).remember_reset(frame->hd.stream_id);
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
    me(user).guard_.useful_frame();
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    // Answered before the request was whole: the rest need not be sent (RFC 9113, 8.1).
    const Http2Stream* found = stream(session, frame->hd.stream_id);
    if (found != nullptr && !found->request_ended_ && !found->reset_) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t /*error_code*/,
                             void* user) {
    Http2Stream* found = stream(session, id);
    const bool given_up = found == nullptr || !(found->answered_ || found->reset_);
    if (given_up) me(user).stream_given_up();
    if (found != nullptr) {
      nghttp2_session_set_stream_user_data(session, id, nullptr);
      me(user).close(*found);
    }
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const auto callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
      return std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>(
          made, nghttp2_session_callbacks_del);
    }();
    return callbacks.get();
  }

  static const nghttp2_option* options() {
    static const auto options = [] {
      nghttp2_option* made = nullptr;
      nghttp2_option_new(&made);
      nghttp2_option_set_no_auto_window_update(made, 1);
      nghttp2_option_set_no_closed_streams(made, 1);
      // Ours (Http2Guard) tells an answered stream from one that was given up; this one does not.
      nghttp2_option_set_stream_reset_rate_limit(made, 1'000'000, 1'000'000);
      return std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)>(made, nghttp2_option_del);
    }();
    return options.get();
  }
};

Http2Session::Http2Session(LoopState& state, Owner& owner, PeerPointer peer)
    : state_(state),
      owner_(owner),
      peer_(std::move(peer)),
      guard_(state.limits, base::now()),
      now_(base::now()),
      due_(now_ + state.limits.header_timeout),
      heard_(now_),
      block_since_(base::TimePoint::max()),
      drain_by_(base::TimePoint::max()) {
  if (nghttp2_session_server_new2(&session_, Callbacks::all(), this, Callbacks::options()) != 0) {
    broken_ = true;
    return;
  }
  const std::array<nghttp2_settings_entry, 4> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(state.limits.http2_streams)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(state.limits.header_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2Session::~Http2Session() {
  end();
  nghttp2_session_del(session_);
}

void Http2Session::feed(std::string_view bytes) {
  if (broken_) return;
  now_ = heard_ = base::now();
  pinged_ = false;
  std::size_t fed = 0;
  std::size_t at = 0;
  bool reset = false;
  Http2FrameHeader header;
  while (!terminated_ && walk_.next(bytes, at, header)) {
    if (header.type == NGHTTP2_RST_STREAM) reset = true;
    if (header.type == NGHTTP2_DATA && reset && at > fed + Http2FrameWalk::kHeaderBytes) {
      // It may be for the stream just reset, which must have ended by then.
      const std::size_t begin = at - Http2FrameWalk::kHeaderBytes;
      feed_counted(bytes.substr(fed, begin - fed));
      fed = begin;
      reset = false;
    }
    count_frame(header);
  }
  if (!terminated_) feed_counted(bytes.substr(fed));
  if (!block_open_ && !(block_last_ && walk_.inside_frame())) {
    block_since_ = base::TimePoint::max();
  } else if (block_since_ == base::TimePoint::max()) {
    block_since_ = now_;
    due_by(now_ + state_.limits.header_timeout);
  }
}

void Http2Session::feed_counted(std::string_view bytes) {
  const std::ptrdiff_t fed =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (fed < 0) {
    terminate(fed == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  }
}

void Http2Session::take(std::string& out, std::size_t room) {
  if (broken_) return;
  now_ = base::now();
  const std::size_t enough = out.size() + room;
  while (out.size() < enough) {
    const std::uint8_t* bytes = nullptr;
    const std::ptrdiff_t count = nghttp2_session_mem_send(session_, &bytes);
    if (count < 0) broken_ = true;
    if (count <= 0) break;
    out.append(view(bytes, static_cast<std::size_t>(count)));
  }
}

void Http2Session::taken() {
  if (sendable_.empty()) return;
  for (const auto& stream : std::exchange(sendable_, {})) {
    if (stream->conversation_ && stream->takes_more()) stream->conversation_->on_sendable();
  }
}

bool Http2Session::wants_write() const {
  return !broken_ && nghttp2_session_want_write(session_) != 0;
}

bool Http2Session::finished() const {
  return broken_ || (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0);
}

bool Http2Session::full(std::size_t more) const {
  const std::size_t limit = std::max(state_.limits.http2_buffered_bytes, 2 * state_.limits.body_bytes);
  return collected_ + unsent_ + more > limit;
}

// ---- streams

// The head of a request is whole, in head_.
void Http2Session::open(std::int32_t id, bool ends) {
  guard_.useful_frame();
  if (terminated_) return;
  if (full(0)) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  const auto stream = std::make_shared<Http2Stream>(*this, state_.loop, id, now_);
  link(*stream);
  stream->self_ = stream;
  nghttp2_session_set_stream_user_data(session_, id, stream.get());
  head_.fill(request_);
  stream->on_head(request_, head_, ends, state_.handler);
  if (draining_ && stream->conversation_) stream->conversation_->on_drain();
  if (ends) stream->on_end();
}

void Http2Session::link(Http2Stream& stream) {
  stream.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &stream;
  first_ = &stream;
  ++streams_;
  state_.metrics.http2_streams.add(1);
}

void Http2Session::unlink(Http2Stream& stream) {
  (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  --streams_;
  state_.metrics.http2_streams.add(-1);
}

void Http2Session::close(Http2Stream& stream) {
  const auto keep = std::move(stream.self_);
  unlink(stream);
  stream.closed();
  if (streams_ == 0) due_by(now_ + state_.limits.idle_timeout);
}

void Http2Session::end() {
  broken_ = true;
  while (first_ != nullptr) close(*first_);
  sendable_.clear();
}

// ---- limits

void Http2Session::count_frame(const Http2FrameHeader& header) {
  block_last_ = header.type == NGHTTP2_HEADERS || header.type == NGHTTP2_CONTINUATION;
  switch (header.type) {
    case NGHTTP2_PRIORITY:  // nghttp2 looks at none, since we have no use for them
      if (header.stream == 0) return terminate(NGHTTP2_PROTOCOL_ERROR);
      break;
    case NGHTTP2_HEADERS:
      block_bytes_ = 0;
      block_since_ = base::TimePoint::max();
      [[fallthrough]];
    case NGHTTP2_CONTINUATION:
      block_open_ = (header.flags & NGHTTP2_FLAG_END_HEADERS) == 0;
      block_bytes_ += header.length + kFrameCost;
      if (block_bytes_ > kBlockFactor * state_.limits.header_bytes) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      // Of a stream that there is already: trailers, which its request has paid for, or a flood.
      if (header.type == NGHTTP2_HEADERS && header.stream <= last_opened_) break;
      return;
    case NGHTTP2_DATA:
      if (names_ended_stream(header.stream)) return terminate(NGHTTP2_STREAM_CLOSED);
      if ((header.flags & NGHTTP2_FLAG_END_STREAM) != 0) return;
      // Padding may be all that it carries: where there is data besides, that pays for the frame.
      if (header.length > ((header.flags & NGHTTP2_FLAG_PADDED) != 0 ? kMostPadding : 0)) return;
      break;
    default:
      break;
  }
  if (!guard_.idle_frame(now_)) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

// nghttp2 passes over such frames; RFC 9113 (5.1) has the connection end, unless it was us who reset the
// stream and the peer could not know yet.
bool Http2Session::names_ended_stream(std::int32_t id) const {
  if (id % 2 == 0 || id > last_opened_ || id <= forgotten_) return false;
  return nghttp2_session_find_stream(session_, id) == nullptr &&
         std::ranges::find(resets_, id) == resets_.end();
}

void Http2Session::remember_reset(std::int32_t id) {
  if (resets_.size() < kRememberedResets) return resets_.push_back(id);
  forgotten_ = std::max(forgotten_, std::exchange(resets_[next_reset_], id));
  next_reset_ = (next_reset_ + 1) % kRememberedResets;
}

void Http2Session::stream_given_up() {
  if (!guard_.stream_given_up(now_)) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::terminate(std::uint32_t error_code) {
  if (terminated_ || broken_) return;
  terminated_ = true;
  if (nghttp2_session_terminate_session(session_, error_code) != 0) broken_ = true;
  owner_.on_output();
}

// ---- time

bool Http2Session::check() {
  if (broken_) return false;
  const Limits& limits = state_.limits;
  now_ = base::now();
  due_ = base::TimePoint::max();
  // True: `when` has passed. Otherwise it is looked at again then.
  const auto over = [this](base::TimePoint when) {
    if (when <= now_) return true;
    due_by(when);
    return false;
  };
  if (terminated_) return !over(heard_ + limits.idle_timeout);
  if (!greeted_ && over(heard_ + limits.header_timeout)) terminate(NGHTTP2_SETTINGS_TIMEOUT);
  if (block_since_ != base::TimePoint::max() && over(block_since_ + limits.header_timeout)) {
    terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  }
  if (drain_by_ != base::TimePoint::max() && over(drain_by_)) final_goaway();
  for (Http2Stream* stream = first_; stream != nullptr; stream = stream->next_) {
    if (stream->collecting() && over(stream->opened_ + limits.body_timeout)) {
      stream->refuse(408, "the body did not arrive in time");
    } else if (stream->unsent_bytes() > 0 && over(stream->progress_ + limits.write_timeout)) {
      stream->reset(NGHTTP2_CANCEL);
    }
  }
  if (streams_ == 0) {
    if (over(heard_ + limits.idle_timeout)) terminate(NGHTTP2_NO_ERROR);
  } else if (over(heard_ + limits.websocket_ping_after)) {
    if (pinged_) return !over(heard_ + 2 * limits.websocket_ping_after);
    pinged_ = true;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kAlivePing.data());
    due_by(heard_ + 2 * limits.websocket_ping_after);
  }
  return true;
}

// ---- the end

void Http2Session::drain() {
  if (draining_ || broken_) return;
  draining_ = true;
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainPing.data());
  drain_by_ = base::now() + kDrainWait;
  due_by(drain_by_);
  for (Http2Stream* stream = first_; stream != nullptr;) {
    Http2Stream* next = stream->next_;
    if (stream->conversation_) stream->conversation_->on_drain();
    stream = next;
  }
  owner_.on_output();
}

void Http2Session::final_goaway() {
  if (drain_by_ == base::TimePoint::max()) return;
  drain_by_ = base::TimePoint::max();
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  owner_.on_output();
}

}  // namespace saccade::net
