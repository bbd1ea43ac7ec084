#include "grpc/grpc_handler.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <google/protobuf/stubs/logging.h>

#include "grpc/call.h"
#include "grpc/services.h"
#include "grpc/timeout.h"

namespace saccade::grpc {
namespace {

// The fields of a head that mean something here.
struct Fields {
  std::string_view content_type;
  std::string_view timeout;
  std::string_view encoding;
  std::string_view accept_encoding;
};

Fields fields_of(const net::HttpRequest& head) {
  Fields fields;
  for (const auto& [name, value] : head.headers) {
    if (name == "content-type") {
      fields.content_type = value;
    } else if (name == "grpc-timeout") {
      fields.timeout = value;
    } else if (name == "grpc-encoding") {
      fields.encoding = value;
    } else if (name == "grpc-accept-encoding") {
      fields.accept_encoding = value;
    }
  }
  return fields;
}

constexpr std::string_view kContentType = "application/grpc";

// "application/grpc", "application/grpc+proto", each with parameters behind it.
bool is_grpc(std::string_view content_type) {
  if (!content_type.starts_with(kContentType)) return false;
  content_type.remove_prefix(kContentType.size());
  if (content_type.starts_with("+proto")) content_type.remove_prefix(6);
  return content_type.empty() || content_type.front() == ';' || content_type.front() == ' ';
}

// Hands what happens on the stream to its call.
class CallSession final : public net::StreamSession {
 public:
  explicit CallSession(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  void on_data(std::string_view bytes) override { call_->on_data(bytes); }
  void on_end() override { call_->on_end(); }
  void on_sendable() override { call_->resume(); }
  void on_drain() override { call_->on_drain(); }
  void on_closed() override { call_->on_closed(); }

 private:
  const std::shared_ptr<Call> call_;
};

// A stream that was answered when it was opened: what still comes is let through.
class AnsweredSession final : public net::StreamSession {
 public:
  explicit AnsweredSession(std::shared_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  void on_data(std::string_view bytes) override { stream_->consume(bytes.size()); }
  void on_end() override {}
  void on_sendable() override {}
  void on_drain() override {}
  void on_closed() override {}

 private:
  const std::shared_ptr<net::Stream> stream_;
};

// What is wrong with HTTP itself is said in both forms, for HTTP's clients and gRPC's.
std::unique_ptr<net::StreamSession> refuse(const std::shared_ptr<net::Stream>& stream, int status,
                                           const std::string& message) {
  stream->send_headers(status, {{"content-type", "application/grpc"},
                                {"grpc-status", std::to_string(static_cast<int>(StatusCode::kInternal))},
                                {"grpc-message", percent_encode(message)}});
  stream->send_trailers({});
  return std::make_unique<AnsweredSession>(stream);
}

}  // namespace

GrpcHandler::GrpcHandler(serve::Service& service, observe::Registry& registry, runtime::LoopGroup& loops,
                         const Limits& limits, const std::string& server_version)
    : limits_(limits), methods_(registry) {
  // A peer's bad message would be a line on stderr each.
  google::protobuf::SetLogHandler(nullptr);
  add_infer_calls(methods_, service);
  add_model_calls(methods_, service, server_version);
  add_repository_calls(methods_, service);
  add_memory_calls(methods_, service);
  add_setting_calls(methods_, service);
  add_health_service(methods_, service);
  add_reflection_services(methods_);
  for (std::size_t i = 0; i < loops.size(); ++i) {
    loops_.push_back(std::make_unique<LoopContext>(loops[i], limits_));
  }
}

std::unique_ptr<net::StreamSession> GrpcHandler::open(const net::HttpRequest& head,
                                                      const std::shared_ptr<net::Stream>& stream) {
  const Fields fields = fields_of(head);
  const Method* method = methods_.find(head.path);
  if (!fields.content_type.starts_with(kContentType) && method == nullptr) return nullptr;
  if (!is_grpc(fields.content_type)) {
    return refuse(stream, 415,
                  "content-type is \"" + std::string(fields.content_type.substr(0, 100)) +
                      "\"; gRPC calls have application/grpc or application/grpc+proto");
  }
  if (head.method != "POST") {
    return refuse(stream, 405,
                  "gRPC calls are made by POST, not by " + std::string(head.method.substr(0, 20)));
  }

  CallHead said{.arrived = base::now()};
  std::optional<Outcome> wrong;
  if (!fields.timeout.empty()) {
    if (const auto timeout = parse_timeout(fields.timeout)) {
      said.deadline = deadline_after(said.arrived, *timeout);
    } else {
      wrong = {StatusCode::kInvalidArgument, "grpc-timeout is \"" +
                                                 std::string(fields.timeout.substr(0, 50)) +
                                                 "\"; it is up to eight digits and one of H, M, S, m, u, n"};
    }
  }
  const auto encoding = fields.encoding.empty() ? Encoding::kIdentity : parse_encoding(fields.encoding);
  if (encoding) {
    said.received = *encoding;
    // Whoever compresses wants answers to be so, too; whoever only could take it may be spared the work.
    if (lists(fields.accept_encoding, *encoding)) said.sent = *encoding;
  } else {
    wrong = {StatusCode::kUnimplemented, "grpc-encoding is \"" + std::string(fields.encoding.substr(0, 50)) +
                                             "\"; known are " + std::string(kEncodings)};
  }
  if (method == nullptr) wrong = {StatusCode::kUnimplemented, methods_.describe_unknown(head.path)};

  auto call = std::make_shared<Call>(method == nullptr ? methods_.unknown() : *method,
                                     *loops_[stream->loop().index()], stream, said);
  if (!encoding) call->tell_encodings();
  call->begin();
  if (wrong) call->finish(*wrong);
  return std::make_unique<CallSession>(std::move(call));
}

}  // namespace saccade::grpc
