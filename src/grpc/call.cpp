#include "grpc/call.h"

#include <limits>
#include <optional>
#include <utility>

#include <google/protobuf/message_lite.h>

#include "grpc/methods.h"
#include "serve/door.h"

namespace saccade::grpc {
namespace {

// Smaller messages grow when they are compressed, or gain less than it costs.
constexpr std::size_t kLeastCompressed = 256;

void write_prefix(std::string& frame, bool compressed) {
  std::size_t length = frame.size() - kPrefixBytes;
  for (std::size_t i = kPrefixBytes; i-- > 1; length >>= 8U) frame[i] = static_cast<char>(length & 0xFFU);
  frame[0] = compressed ? 1 : 0;
}

std::string compressed_frame(Encoding encoding, const std::string& frame) {
  std::string smaller(kPrefixBytes, '\0');
  if (!compress(encoding, std::string_view(frame).substr(kPrefixBytes), smaller) ||
      smaller.size() >= frame.size()) {
    return {};
  }
  write_prefix(smaller, true);
  return smaller;
}

}  // namespace

std::string frame_of(const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  std::string frame;
  if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) return frame;
  frame.resize_and_overwrite(kPrefixBytes + size, [&message](char* place, std::size_t total) {
    message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(place + kPrefixBytes));
    return total;
  });
  write_prefix(frame, false);
  return frame;
}

Call::Call(const Method& method, LoopContext& context, std::shared_ptr<net::Stream> stream, CallHead head)
    : method_(method),
      context_(context),
      stream_(std::move(stream)),
      head_(std::move(head)),
      reader_(context.limits.message_bytes) {}

void Call::begin() {
  method_.metrics.started();
  if (method_.open) conversation_ = method_.open(*this);
  context_.timers.set(*this, head_.deadline);
}

// ---- what comes

void Call::on_data(std::string_view bytes) {
  if (over()) return stream_->consume(bytes.size());
  if (backlog_.empty() && !pumping_) pump(bytes);
  if (over()) {
    stream_->consume(bytes.size());
  } else {
    backlog_.append(bytes);
  }
}

bool Call::takes_more() const {
  return !waits_ && (conversation_ == nullptr || (conversation_->takes_more() && sendable()));
}

// Takes whole messages from the front, as long as somebody wants them.
void Call::pump(std::string_view& bytes) {
  pumping_ = true;
  while (!over() && !bytes.empty() && takes_more()) {
    const std::size_t before = bytes.size();
    const auto message = reader_.next(bytes);
    stream_->consume(before - bytes.size());
    if (!message) {
      finish(message.error());
      break;
    }
    const std::optional<Message>& whole = *message;
    if (!stream_->hold(reader_.held())) {
      finish({StatusCode::kResourceExhausted,
              "this connection has too many bytes of messages and answers under way; try again"});
    } else if (whole) {
      deliver(*whole);
      if (reader_.held() > 0) {
        reader_.release();
        stream_->hold(0);
      }
    }
  }
  pumping_ = false;
}

void Call::enter(std::shared_ptr<const request::Caller> caller) {
  caller_ = std::move(caller);
  waits_ = false;
  resume();
}

bool Call::may_use(std::string_view model) {
  if (caller_ == nullptr || caller_->identity == nullptr || !caller_->identity->models) return true;
  if (model.empty() ? !method_.admin : caller_->may_use(model)) return true;
  fail(model.empty() ? serve::Door::whole_server(*caller_) : serve::Door::wrong_model(*caller_, model));
  return false;
}

void Call::resume() {
  if (over() || pumping_) return;
  if (!backlog_.empty()) {
    std::string_view rest = backlog_.view();
    pump(rest);
    if (over()) {
      stream_->consume(backlog_.size());
      backlog_ = {};
    } else {
      backlog_.consume(backlog_.size() - rest.size());
    }
  }
  if (ended_) tell_end();
}

void Call::deliver(const Message& message) {
  if (message_came_ && !method_.client_streams) {
    return finish({StatusCode::kInternal, "this method takes one message, a second one came"});
  }
  if (message_came_ && caller_ && !caller_->may_go_on()) [[unlikely]]
    return finish({StatusCode::kUnauthenticated, "the key or token of this call is not valid any more"});
  message_came_ = true;
  method_.metrics.received();
  std::string_view bytes = message.bytes;
  std::string plain;
  if (message.compressed) {
    if (head_.received == Encoding::kIdentity) {
      return finish(
          {StatusCode::kInternal,
           "a message says that it is compressed, and the call has no grpc-encoding that says how"});
    }
    auto decompressed = decompress(head_.received, bytes, context_.limits.message_bytes);
    if (!decompressed) return finish(decompressed.error());
    plain = *std::move(decompressed);
    bytes = plain;
  }
  if (conversation_) return conversation_->on_message(bytes);
  method_.unary(shared_from_this(), bytes);
}

bool Call::parse(std::string_view bytes, google::protobuf::MessageLite& into) {
  if (into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
  finish({StatusCode::kInvalidArgument,
          "the message is no " + into.GetTypeName() + ": it is cut short, or a string in it is not UTF-8"});
  return false;
}

void Call::on_end() {
  ended_ = true;
  if (backlog_.empty()) tell_end();
}

void Call::tell_end() {
  if (over() || end_told_ || waits_ || !backlog_.empty()) return;
  end_told_ = true;
  if (!reader_.empty()) {
    finish({StatusCode::kInternal, "the stream ended within a message"});
  } else if (!message_came_ && !method_.client_streams) {
    finish({StatusCode::kInternal, "this method takes one message, none came"});
  } else if (conversation_) {
    conversation_->on_end();
  }
}

void Call::on_drain() {
  if (!over() && conversation_) conversation_->on_drain();
}

// ---- what goes

net::Headers Call::head_fields() const {
  net::Headers fields{{"content-type", "application/grpc"}};
  if (head_.sent != Encoding::kIdentity) fields.emplace_back("grpc-encoding", encoding_name(head_.sent));
  if (!head_.request_id.empty()) fields.emplace_back("x-request-id", head_.request_id);
  return fields;
}

void Call::send_frame(std::string frame) {
  if (over()) return;
  if (frame.empty()) return finish({StatusCode::kInternal, "the answer has more than 2 GiB"});
  if (head_.sent != Encoding::kIdentity && frame.size() >= kPrefixBytes + kLeastCompressed) {
    if (std::string smaller = compressed_frame(head_.sent, frame); !smaller.empty())
      frame = std::move(smaller);
  }
  if (!std::exchange(headers_sent_, true)) stream_->send_headers(200, head_fields());
  method_.metrics.sent();
  stream_->send_data(std::move(frame));
}

void Call::answer_frame(std::string frame) {
  send_frame(std::move(frame));
  finish({});
}

// Nothing of the call is wanted any more.
void Call::end_with(StatusCode code) {
  context_.timers.cancel(*this);
  method_.metrics.handled(code, base::now() - head_.arrived);
  if (conversation_) conversation_->on_over();
}

void Call::finish(const Outcome& outcome) {
  if (over_.exchange(true)) return;
  const auto keep = shared_from_this();
  net::Headers trailers;
  if (!headers_sent_) {
    trailers.emplace_back("content-type", "application/grpc");
    if (!head_.request_id.empty()) trailers.emplace_back("x-request-id", head_.request_id);
  }
  if (tells_encodings_) trailers.emplace_back("grpc-accept-encoding", kEncodings);
  trailers.emplace_back("grpc-status", std::to_string(static_cast<int>(outcome.code)));
  if (!outcome.message.empty()) trailers.emplace_back("grpc-message", percent_encode(outcome.message));
  // The server's say in when a client's retry policy tries again (gRPC proposal A6).
  if (outcome.retry_after.count() > 0) {
    trailers.emplace_back("grpc-retry-pushback-ms", std::to_string(outcome.retry_after.count()));
  }
  stream_->send_trailers(std::move(trailers));
  if (head_.span) [[unlikely]]
    end_span(outcome);
  end_with(outcome.code);
}

// Semantic conventions for gRPC: of a server's span, only these codes are errors.
void Call::end_span(const Outcome& outcome) const {
  head_.span->set("rpc.grpc.status_code", std::int64_t{static_cast<int>(outcome.code)});
  switch (outcome.code) {
    case StatusCode::kUnknown:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kUnimplemented:
    case StatusCode::kInternal:
    case StatusCode::kUnavailable:
      return head_.span->end(outcome.message);
    default:
      return head_.span->end(std::nullopt);
  }
}

void Call::on_time() {
  finish({StatusCode::kDeadlineExceeded,
          "the call was not answered within the time that it gave (grpc-timeout)"});
}

void Call::on_closed() {
  if (!over_.exchange(true)) {
    if (head_.span) end_span({StatusCode::kCancelled, "the caller has gone"});
    end_with(StatusCode::kCancelled);
  }
  backlog_ = {};
  reader_.release();
}

}  // namespace saccade::grpc
