#include "grpc/grpc_handler.h"

#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "fake_stream.h"
#include "frames.h"
#include "grpc/infer_calls.h"
#include "grpc_service.pb.h"
#include "health.pb.h"
#include "reflection.pb.h"

namespace saccade::grpc {
namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::grpc::reflection::v1::ServerReflectionRequest;
using ::grpc::reflection::v1::ServerReflectionResponse;

constexpr std::string_view kInference = "/inference.GRPCInferenceService/";

class Handler : public testing::Test {
 protected:
  std::unique_ptr<net::StreamSession> open(std::string_view path, const Fields& fields = {},
                                           std::string_view method = "POST",
                                           std::string_view content_type = "application/grpc") {
    net::HttpRequest head;
    head.method = method;
    head.set_target(path);
    head.headers = {{"content-type", content_type}, {"te", "trailers"}};
    head.headers.insert(head.headers.end(), fields.begin(), fields.end());
    stream_ = std::make_shared<FakeStream>(loops_[0]);
    return handler_.open(head, stream_);
  }
  // One message and its answer's payload; empty where there is none.
  std::string ask(const std::string& path, const google::protobuf::MessageLite& message) {
    const auto session = open(path);
    session->on_data(framed(message.SerializeAsString()));
    session->on_end();
    session->on_closed();
    return stream_->data.empty() ? "" : stream_->data.substr(kPrefixBytes);
  }
  std::string ask_inference(const std::string& method, const google::protobuf::MessageLite& message) {
    return ask(std::string(kInference) + method, message);
  }

  runtime::LoopGroup loops_{1};
  observe::Registry registry_;
  serve::Service service_{registry_, nullptr, serve::LogMode::kDrop, false};
  GrpcHandler handler_{service_, registry_, loops_, {}, "1.2.3"};
  std::shared_ptr<FakeStream> stream_;
};

TEST_F(Handler, LeavesOtherRequestsAlone) {
  for (const std::string_view type : {"application/json", "", "text/plain"}) {
    EXPECT_EQ(open("/predict", {}, "POST", type), nullptr) << type;
    EXPECT_EQ(open("/", {}, "GET", type), nullptr) << type;
  }
  EXPECT_EQ(stream_->heads + stream_->ends, 0);
}

TEST_F(Handler, RefusesWrongContentTypesAndMethods) {
  for (const std::string_view type :
       {"application/grpc-web", "application/grpc+json", "application/grpcx", "application/json", ""}) {
    ASSERT_NE(open("/inference.GRPCInferenceService/ServerLive", {}, "POST", type), nullptr) << type;
    EXPECT_EQ(stream_->status, 415) << type;
    EXPECT_EQ(stream_->header("grpc-status"), "13");
    EXPECT_EQ(stream_->ends, 1);
  }
  ASSERT_NE(open("/inference.GRPCInferenceService/ServerLive", {}, "GET"), nullptr);
  EXPECT_EQ(stream_->status, 405);
}

TEST_F(Handler, TakesBothContentTypes) {
  for (const std::string_view type :
       {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"}) {
    const auto session = open("/inference.GRPCInferenceService/ServerLive", {}, "POST", type);
    ASSERT_NE(session, nullptr);
    session->on_data(framed(""));
    EXPECT_EQ(stream_->grpc_status(), 0) << type;
    session->on_closed();
  }
}

TEST_F(Handler, UnknownMethods) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/inference.GRPCInferenceService/Nothing",
       "service inference.GRPCInferenceService has no method Nothing"},
      {"/some.Service/Method", "unknown service some.Service"},
      {"/nothing", "is not /package.Service/Method"},
      {"*", "is not /package.Service/Method"}};
  for (const auto& [path, message] : cases) {
    const auto session = open(path);
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(stream_->grpc_status(), 12) << path;
    EXPECT_NE(stream_->trailer("grpc-message").find(message), std::string::npos) << path;
    session->on_closed();
  }
  EXPECT_NE(registry_.scrape().find(R"(grpc_server_handled_total{grpc_type="unary",grpc_service="unknown",)"),
            std::string::npos);
}

TEST_F(Handler, UnknownEncodingsSayWhichAreKnown) {
  const auto session = open("/inference.GRPCInferenceService/ServerLive", {{"grpc-encoding", "snappy"}});
  EXPECT_EQ(stream_->grpc_status(), 12);
  EXPECT_EQ(stream_->trailer("grpc-accept-encoding"), "identity,deflate,gzip");
  session->on_closed();
}

TEST_F(Handler, AWrongTimeoutIsSaid) {
  const auto session = open("/inference.GRPCInferenceService/ServerLive", {{"grpc-timeout", "1 hour"}});
  EXPECT_EQ(stream_->grpc_status(), 3);
  EXPECT_NE(stream_->trailer("grpc-message").find("grpc-timeout is \"1 hour\""), std::string::npos);
  session->on_closed();
}

TEST_F(Handler, HealthOfTheServer) {
  HealthCheckResponse response;
  ASSERT_TRUE(response.ParseFromString(ask("/grpc.health.v1.Health/Check", HealthCheckRequest())));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  service_.set_ready(true);
  for (const std::string name : {"", "inference.GRPCInferenceService", "grpc.health.v1.Health"}) {
    HealthCheckRequest request;
    request.set_service(name);
    ASSERT_TRUE(response.ParseFromString(ask("/grpc.health.v1.Health/Check", request)));
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;
  }
  HealthCheckRequest unknown;
  unknown.set_service("nobody");
  EXPECT_EQ(ask("/grpc.health.v1.Health/Check", unknown), "");
  EXPECT_EQ(stream_->grpc_status(), 5);
}

TEST_F(Handler, WatchSaysWhatHasChangedAndEndsWithTheServer) {
  const auto session = open("/grpc.health.v1.Health/Watch");
  session->on_data(framed(""));
  session->on_end();
  EXPECT_EQ(stream_->data, framed("\x08\x02"));
  service_.set_ready(true);
  stream_->data.clear();
  while (stream_->data.empty()) loops_[0].run_one_for(std::chrono::seconds(10));
  EXPECT_EQ(stream_->data, framed("\x08\x01"));
  stream_->data.clear();
  session->on_drain();
  EXPECT_EQ(stream_->data, framed("\x08\x02"));
  EXPECT_EQ(stream_->grpc_status(), 14);
  session->on_closed();
}

TEST_F(Handler, WatchOfWhatIsUnknownWaitsForIt) {
  HealthCheckRequest request;
  request.set_service("nobody");
  const auto session = open("/grpc.health.v1.Health/Watch");
  session->on_data(framed(request.SerializeAsString()));
  EXPECT_EQ(stream_->data, framed("\x08\x03"));
  EXPECT_EQ(stream_->grpc_status(), -1);
  session->on_closed();
}

TEST_F(Handler, ReflectionListsAllAndGivesFilesWithTheirImports) {
  const auto session = open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  ServerReflectionRequest request;
  const auto answer = [&] {
    stream_->data.clear();
    session->on_data(framed(request.SerializeAsString()));
    ServerReflectionResponse response;
    EXPECT_TRUE(response.ParseFromString(stream_->data.substr(kPrefixBytes)));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    return response;
  };
  request.set_list_services("");
  std::vector<std::string> names;
  const ServerReflectionResponse list = answer();
  for (const auto& service : list.list_services_response().service()) names.push_back(service.name());
  EXPECT_EQ(names, (std::vector<std::string>{"inference.GRPCInferenceService", "grpc.health.v1.Health",
                                             "grpc.reflection.v1.ServerReflection",
                                             "grpc.reflection.v1alpha.ServerReflection"}));
  for (const char* symbol : {"inference.GRPCInferenceService", "inference.GRPCInferenceService.ModelInfer",
                             "inference.ModelInferRequest.InferInputTensor"}) {
    request.set_file_containing_symbol(symbol);
    const auto files = answer().file_descriptor_response();
    ASSERT_EQ(files.file_descriptor_proto_size(), 2) << symbol;
    google::protobuf::FileDescriptorProto first;
    google::protobuf::FileDescriptorProto second;
    ASSERT_TRUE(first.ParseFromString(files.file_descriptor_proto(0)));
    ASSERT_TRUE(second.ParseFromString(files.file_descriptor_proto(1)));
    EXPECT_EQ(first.name(), "grpc_service.proto");
    EXPECT_EQ(second.name(), "model_config.proto");
  }
  request.set_file_by_filename("model_config.proto");
  EXPECT_EQ(answer().file_descriptor_response().file_descriptor_proto_size(), 1);
  request.set_file_by_filename("nothing.proto");
  EXPECT_EQ(answer().error_response().error_code(), 5);
  request.set_file_containing_symbol("no.Symbol");
  EXPECT_EQ(answer().error_response().error_code(), 5);
  request.mutable_file_containing_extension()->set_containing_type("inference.ModelInferRequest");
  EXPECT_EQ(answer().error_response().error_code(), 5);
  request.set_all_extension_numbers_of_type("inference.ModelInferRequest");
  EXPECT_EQ(answer().all_extension_numbers_response().base_type_name(), "inference.ModelInferRequest");
  request.clear_message_request();
  EXPECT_EQ(answer().error_response().error_code(), 3);
  session->on_end();
  EXPECT_EQ(stream_->grpc_status(), 0);
  session->on_closed();
}

TEST_F(Handler, EveryMethodOfTheServiceIsServed) {
  const auto* service = inference::ServerLiveRequest::descriptor()->file()->service(0);
  ASSERT_EQ(service->method_count(), 20);
  for (int i = 0; i < service->method_count(); ++i) {
    const auto session = open(std::string(kInference) + service->method(i)->name());
    EXPECT_EQ(stream_->grpc_status(), -1) << service->method(i)->name();
    session->on_closed();
  }
}

TEST_F(Handler, ServerCalls) {
  inference::ServerLiveResponse live;
  ASSERT_TRUE(live.ParseFromString(ask_inference("ServerLive", inference::ServerLiveRequest())));
  EXPECT_TRUE(live.live());
  inference::ServerReadyResponse ready;
  ASSERT_TRUE(ready.ParseFromString(ask_inference("ServerReady", inference::ServerReadyRequest())));
  EXPECT_FALSE(ready.ready());
  inference::ServerMetadataResponse about;
  ASSERT_TRUE(about.ParseFromString(ask_inference("ServerMetadata", inference::ServerMetadataRequest())));
  EXPECT_EQ(about.version(), "1.2.3");
}

TEST_F(Handler, ModelCallsRefuseWhatTheyMust) {
  inference::ModelMetadataRequest request;
  ask_inference("ModelMetadata", request);
  EXPECT_EQ(stream_->grpc_status(), 3) << "no name";
  request.set_name("nobody");
  for (const char* version : {"one", "-1", "0", "1.5", "00"}) {
    request.set_version(version);
    ask_inference("ModelMetadata", request);
    EXPECT_EQ(stream_->grpc_status(), 3) << version;
  }
}

TEST_F(Handler, RepositoryCallsRefuseWhatTheyMust) {
  inference::RepositoryIndexRequest index;
  index.set_repository_name("mine");
  ask_inference("RepositoryIndex", index);
  EXPECT_EQ(stream_->grpc_status(), 12);

  const auto load = [&](const inference::RepositoryModelLoadRequest& request) {
    ask_inference("RepositoryModelLoad", request);
    return stream_->grpc_status();
  };
  inference::RepositoryModelLoadRequest request;
  EXPECT_EQ(load(request), 3);
  request.set_model_name("m");
  (*request.mutable_parameters())["config"].set_bool_param(true);
  EXPECT_EQ(load(request), 3);
  EXPECT_NE(stream_->trailer("grpc-message").find("expected string_param"), std::string::npos);
  request.clear_parameters();
  (*request.mutable_parameters())["colour"].set_string_param("red");
  EXPECT_EQ(load(request), 3);
  EXPECT_NE(stream_->trailer("grpc-message").find("unrecognized load parameter 'colour'"), std::string::npos);
  request.clear_parameters();
  (*request.mutable_parameters())["file:1/model.onnx"].set_bytes_param("x");
  EXPECT_EQ(load(request), 3) << "files without a config";

  inference::RepositoryModelUnloadRequest unload;
  unload.set_model_name("m");
  (*unload.mutable_parameters())["unload_dependents"].set_string_param("yes");
  ask_inference("RepositoryModelUnload", unload);
  EXPECT_EQ(stream_->grpc_status(), 3);
}

TEST_F(Handler, ThereIsNoGpuMemory) {
  inference::CudaSharedMemoryRegisterRequest request;
  request.set_name("r");
  ask_inference("CudaSharedMemoryRegister", request);
  EXPECT_EQ(stream_->grpc_status(), 3);
  EXPECT_EQ(ask_inference("CudaSharedMemoryStatus", inference::CudaSharedMemoryStatusRequest()), "");
  EXPECT_EQ(stream_->grpc_status(), 0);
}

// Some errors that never reach a model.
TEST_F(Handler, AStreamSaysErrorsInItsAnswersInOrder) {
  const auto session = open("/inference.GRPCInferenceService/ModelStreamInfer");
  inference::ModelInferRequest request;
  request.set_model_name("nobody");
  request.set_id("a");
  std::string bytes = framed(request.SerializeAsString()) + framed("\xFF garbage");
  request.set_id("b");
  request.set_model_name("");
  bytes += framed(request.SerializeAsString());
  session->on_data(bytes);
  session->on_end();
  std::vector<std::pair<std::string, bool>> answers;  // id, failed
  std::string_view rest = stream_->data;
  MessageReader reader(100'000);
  while (!rest.empty()) {
    const auto message = reader.next(rest);
    ASSERT_TRUE(message && *message);
    inference::ModelStreamInferResponse response;
    ASSERT_TRUE(
        response.ParseFromArray((*message)->bytes.data(), static_cast<int>((*message)->bytes.size())));
    answers.emplace_back(response.infer_response().id(), !response.error_message().empty());
  }
  EXPECT_EQ(answers, (std::vector<std::pair<std::string, bool>>{{"a", true}, {"", true}, {"b", true}}));
  EXPECT_EQ(stream_->grpc_status(), 0);
  session->on_closed();
}

TEST_F(Handler, AnIdleStreamEndsWithTheServer) {
  const auto session = open("/inference.GRPCInferenceService/ModelStreamInfer");
  session->on_drain();
  EXPECT_EQ(stream_->grpc_status(), 14);
  session->on_closed();
}

TEST(CheckParts, RefusesMessagesMadeOfNothingButParts) {
  inference::ModelInferRequest request;
  for (int i = 0; i < 2000; ++i) request.add_inputs();
  EXPECT_TRUE(check_parts(request.SerializeAsString()));
  for (int i = 0; i < 3000; ++i) request.add_raw_input_contents();
  const auto refused = check_parts(request.SerializeAsString());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kInvalidArgument);
  EXPECT_TRUE(check_parts("")) << "what is no message is the parser's to say";
  EXPECT_TRUE(check_parts("\xFF\xFF\xFF"));
}

}  // namespace
}  // namespace saccade::grpc
