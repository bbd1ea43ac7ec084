#include "api.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include "health.grpc.pb.h"  // its methods are found by name

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr auto kService = "inference.GRPCInferenceService";

std::unique_ptr<Message> made(const Descriptor* descriptor) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

grpc::ChannelArguments arguments(const Json& one) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // a connection of its own, which is otherwise shared between channels with equal settings
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (has(one, "time_ms")) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, number(one, "time_ms"));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, has(one, "without_calls") ? 1 : 0);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  if (text(one, "compression") == "gzip") arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  return arguments;
}

}  // namespace

void set_deadline(grpc::ClientContext& context, milliseconds after) {
  context.set_deadline(std::chrono::system_clock::now() + after);
}

Api::Api(const std::string& address, const Json& one)
    : channel_(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments(one))),
      stub_(inference::GRPCInferenceService::NewStub(channel_)),
      watcher_([this] { watch(); }) {}

Api::~Api() {
  closed_ = true;
  watcher_.join();
}

void Api::watch() {
  while (!closed_) {
    const grpc_connectivity_state state = channel_->GetState(false);
    const bool changed =
        channel_->WaitForStateChange(state, std::chrono::system_clock::now() + milliseconds(100));
    if (changed && state == GRPC_CHANNEL_READY) left_ready_ = true;
  }
}

// With the generic stub, for any method of any service, the unknown ones too.
grpc::Status Api::call(const Json& one, std::unique_ptr<Message>& answer) {
  const std::string name = text(one, "method");
  const std::string full = name.find('/') == std::string::npos ? std::string(kService) + "/" + name : name;
  const std::size_t slash = full.find('/');
  const auto* service = DescriptorPool::generated_pool()->FindServiceByName(
      has(one, "unknown") ? kService : full.substr(0, slash));
  require(service != nullptr, "no such service: " + full);
  const auto* method = service->FindMethodByName(has(one, "unknown") ? "ServerLive" : full.substr(slash + 1));
  require(method != nullptr, "no such method: " + full);

  const std::unique_ptr<Message> request = made(method->input_type());
  fill(*request, member(one, "request"), 0);
  grpc::ByteBuffer sent;
  bool own = false;
  require(grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(*request, &sent, &own).ok(),
          "not serialised");

  grpc::ClientContext context;
  set_deadline(context);
  for (const auto& [key, value] : member(one, "metadata").struct_value().fields()) {
    context.AddMetadata(key, value.string_value());
  }
  grpc::ByteBuffer received;
  std::promise<grpc::Status> promise;
  grpc::GenericStub(channel_).UnaryCall(&context, "/" + full, {}, &sent, &received,
                                        [&](grpc::Status status) { promise.set_value(std::move(status)); });
  grpc::Status status = promise.get_future().get();
  if (status.ok()) {
    answer = made(method->output_type());
    grpc::ProtoBufferReader reader(&received);
    require(answer->ParseFromZeroCopyStream(&reader),
            "the answer is no " + method->output_type()->full_name());
  }
  return status;
}

std::shared_ptr<Call> Api::start(inference::ModelInferRequest request, milliseconds deadline,
                                 std::function<void(Call&, const grpc::Status&)> on_end) {
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  set_deadline(call->context, deadline);
  stub_->async()->ModelInfer(&call->context, &call->request, &call->answer,
                             [call, on_end = std::move(on_end)](grpc::Status status) {
                               call->ended = Clock::now();
                               if (on_end) on_end(*call, status);
                               call->promise.set_value(std::move(status));
                             });
  return call;
}

std::shared_ptr<Call> Api::start(const Json& one, int number, milliseconds deadline) {
  inference::ModelInferRequest request;
  fill(request, member(one, "request"), number);
  return start(std::move(request), deadline);
}

milliseconds Api::infer(const Json& one, int number) {
  inference::ModelInferRequest request;
  fill(request, member(one, "request"), number);
  inference::ModelInferResponse answer;
  grpc::ClientContext context;
  set_deadline(context);
  const auto begin = Clock::now();
  const grpc::Status status = stub_->ModelInfer(&context, request, &answer);
  const milliseconds took = since(begin);
  require(status.ok(), describe(status));
  check_answer(member(one, "answer"), answer, number);
  return took;
}

grpc::Status Api::live() {
  grpc::ClientContext context;
  set_deadline(context);
  inference::ServerLiveResponse answer;
  const grpc::Status status = stub_->ServerLive(&context, {}, &answer);
  require(!status.ok() || answer.live(), "the server is not live");
  return status;
}
