// One gRPC call on its HTTP/2 stream, from the head to the trailers: messages in and out, compression, the
// deadline, exactly one status at the end.
//
// Belongs to the loop of its connection. Whoever answers later keeps the pointer and may let it go on any
// thread; once the call is over (answered, past its deadline, or the peer has gone) answers to it are
// dropped.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "grpc/compression.h"
#include "grpc/conversation.h"
#include "grpc/loop_context.h"
#include "grpc/message_reader.h"
#include "grpc/status.h"
#include "net/receive_buffer.h"
#include "net/stream.h"
#include "request/caller.h"
#include "trace/server_span.h"

namespace google::protobuf {
class MessageLite;
}

namespace saccade::grpc {

struct Method;

// What the call's head says.
struct CallHead {
  base::TimePoint arrived{};
  base::TimePoint deadline = base::TimePoint::max();
  Encoding received = Encoding::kIdentity;       // of compressed messages that come
  Encoding sent = Encoding::kIdentity;           // of messages that go
  std::string request_id = {};                   // the caller's own, echoed; empty: none
  std::shared_ptr<request::Trace> trace = {};    // null: the call belongs to no trace
  std::shared_ptr<trace::ServerSpan> span = {};  // the same, where it is sampled
};

// A message with room for its prefix in front. Empty: it is larger than protobuf allows.
std::string frame_of(const google::protobuf::MessageLite& message);

class Call final : public std::enable_shared_from_this<Call>, private Timers::Alarm {
 public:
  Call(const Method& method, LoopContext& context, std::shared_ptr<net::Stream> stream, CallHead head);

  // ---- for what answers the call
  runtime::EventLoop& loop() { return stream_->loop(); }
  LoopContext& context() { return context_; }
  base::TimePoint arrived() const { return head_.arrived; }
  base::TimePoint deadline() const { return head_.deadline; }
  // Null: the call belongs to no trace.
  const std::shared_ptr<request::Trace>& trace() const { return head_.trace; }
  // Null: nobody was asked who it is.
  const std::shared_ptr<const request::Caller>& caller() const { return caller_; }
  // False: the caller's rights are for other models, and the call has failed. Empty: the message names none,
  // so that a call that changes something concerns the whole server.
  bool may_use(std::string_view model);
  bool over() const { return over_.load(std::memory_order_relaxed); }
  // Becomes true when nobody waits for an answer any more. Any thread may look.
  std::shared_ptr<const std::atomic<bool>> gone() { return {shared_from_this(), &over_}; }
  // Whether the peer has room for more messages of a long answer.
  bool sendable() const { return stream_->unsent_bytes() < context_.limits.unsent_bytes; }

  // False: the message is no such message, and the call has failed.
  bool parse(std::string_view bytes, google::protobuf::MessageLite& into);
  void send(const google::protobuf::MessageLite& message) { send_frame(frame_of(message)); }
  void send_frame(std::string frame);  // of frame_of()
  // The only answer of a unary call.
  void answer(const google::protobuf::MessageLite& message) { answer_frame(frame_of(message)); }
  void answer_frame(std::string frame);
  void finish(const Outcome& outcome);
  void fail(const base::Error& error) { finish(outcome_of(error)); }
  // The conversation takes more again.
  void resume();

  // ---- for whoever opens it
  void begin();
  // Nothing is handed on until enter(): it is not known yet whether the caller may.
  void wait_for_entry() { waits_ = true; }
  void enter(std::shared_ptr<const request::Caller> caller);

  // ---- for the stream's session
  // Says with the status which encodings are known.
  void tell_encodings() { tells_encodings_ = true; }
  void on_data(std::string_view bytes);
  void on_end();
  void on_drain();
  void on_closed();

 private:
  void on_time() override;
  void pump(std::string_view& bytes);
  bool takes_more() const;
  void deliver(const Message& message);
  void tell_end();
  void end_with(StatusCode code);
  void end_span(const Outcome& outcome) const;
  net::Headers head_fields() const;

  const Method& method_;
  LoopContext& context_;
  const std::shared_ptr<net::Stream> stream_;
  const CallHead head_;
  std::unique_ptr<Conversation> conversation_;  // of a streaming method
  MessageReader reader_;
  net::ReceiveBuffer backlog_;  // what came while the conversation took nothing; not consumed
  std::shared_ptr<const request::Caller> caller_;
  std::atomic<bool> over_{false};
  bool waits_ = false;  // for enter()
  bool headers_sent_ = false;
  bool tells_encodings_ = false;
  bool message_came_ = false;
  bool ended_ = false;     // the peer's side
  bool end_told_ = false;  // to the conversation
  bool pumping_ = false;
};

}  // namespace saccade::grpc
