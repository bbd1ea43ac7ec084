#include "grpc/grpc_handler.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <google/protobuf/stubs/logging.h>

#include "grpc/call.h"
#include "grpc/services.h"
#include "grpc/timeout.h"
#include "trace/marks.h"

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

// What the call's metadata says of its id and its trace, and a span where one is due.
void follow(trace::Tracing* tracing, const net::HttpRequest& head, const net::Peer& peer, bool known,
            CallHead& said) {
  const trace::Marks marks = trace::read_marks(head.headers);
  said.request_id = marks.request_id;
  const auto context = trace::context_of(marks);
  if (tracing != nullptr) said.span = tracing->begin(context ? &*context : nullptr, said.arrived);
  if (!said.span) {
    if (context) said.trace = std::make_shared<request::Trace>(*context);
    return;
  }
  said.trace = said.span;
  trace::ServerSpan& span = *said.span;
  span.set("rpc.system", "grpc");
  span.set("client.address", peer.address);
  if (!marks.request_id.empty()) span.set("saccade.request.id", marks.request_id);
  // A path that is not served would make a name of its own for each spelling.
  if (!known) return span.rename("unknown");
  const std::string_view path = head.path.substr(1);
  const std::size_t slash = path.find('/');
  span.rename(std::string(path));
  span.set("rpc.service", path.substr(0, slash));
  span.set("rpc.method", path.substr(slash + 1));
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
                         const Limits& limits, const std::string& server_version, trace::Tracing* tracing)
    : limits_(limits), tracing_(tracing), methods_(registry) {
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

void GrpcHandler::ask_door(const Method& method, const net::HttpRequest& head, net::Stream& stream,
                           const std::shared_ptr<Call>& call) {
  std::string behind_proxy;
  std::string_view address = stream.peer().address;
  if (!trusted_proxies_.empty()) {
    behind_proxy = limit::client_address(address, head.headers, trusted_proxies_);
    address = behind_proxy;
  }
  const serve::Visit visit{.right = method.right,
                           .names_model_later = true,
                           .authorization = head.header("authorization"),
                           .api_key = head.header("x-api-key"),
                           .address = address,
                           .certificate = stream.peer().certificate};
  const auto go_on = [messages = method.client_streams](Call& its, base::Result<serve::Entry> entry) {
    if (!entry) return its.fail(entry.error());
    if (entry->refused()) return its.fail(entry->limits->error());
    if (messages && entry->limits) {  // which are counted, besides the call
      auto each = std::make_shared<request::Caller>(*entry->caller);
      each->uncounted = request::Caller::Uncounted::kAll;
      entry->caller = std::move(each);
    }
    its.enter(std::move(entry->caller));
  };
  call->wait_for_entry();
  auto entry = door_->enter(visit, stream.loop(), [&]() -> serve::Door::Later {
    return [call, go_on](base::Result<serve::Entry> later) { go_on(*call, std::move(later)); };
  });
  if (entry) go_on(*call, *std::move(entry));
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
  if (method != nullptr && method->admin && !stream->peer().takes_admin) {
    wrong = {StatusCode::kPermissionDenied,
             "admin calls are answered on the port that --admin-port names, not on this one"};
  }
  follow(tracing_, head, stream->peer(), method != nullptr, said);

  auto call = std::make_shared<Call>(method == nullptr ? methods_.unknown() : *method,
                                     *loops_[stream->loop().index()], stream, std::move(said));
  if (!encoding) call->tell_encodings();
  call->begin();
  if (wrong) {
    call->finish(*wrong);
  } else if (door_ != nullptr && !door_->open()) [[unlikely]] {
    ask_door(*method, head, *stream, call);
  }
  return std::make_unique<CallSession>(std::move(call));
}

}  // namespace saccade::grpc
