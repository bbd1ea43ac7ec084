#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "grpc/inference_service.h"
#include "grpc/services.h"
#include "protocol/management.h"

namespace saccade::grpc {

base::Status check_version(std::string_view version) {
  const bool digits = std::ranges::all_of(version, [](char c) { return c >= '0' && c <= '9'; });
  if (version.empty() || (digits && version.find_first_not_of('0') != std::string_view::npos)) return {};
  return base::invalid_argument(
      "version is '" + std::string(version.substr(0, 50)) +
      "'; a version is a whole number above 0, or empty for the model's own choice");
}

namespace {

// Finds the model that a request names, or fails the call.
template <typename Request>
serve::Service::ModelPointer find(serve::Service& service, Call& call, const Request& request) {
  if (request.name().empty()) {
    call.fail({base::Code::kInvalidArgument, "name is empty; name the model"});
    return nullptr;
  }
  if (const base::Status version = check_version(request.version()); !version) {
    call.fail(version.error());
    return nullptr;
  }
  auto model = service.catalog().find(request.name(), request.version());
  if (!model) call.fail(model.error());
  return model ? *model : nullptr;
}

void model_ready(serve::Service& service, Call& call, const inference::ModelReadyRequest& request) {
  if (request.name().empty())
    return call.fail({base::Code::kInvalidArgument, "name is empty; name the model"});
  if (const base::Status version = check_version(request.version()); !version) {
    return call.fail(version.error());
  }
  inference::ModelReadyResponse response;
  response.set_ready(service.catalog().find(request.name(), request.version()).has_value());
  call.answer(response);
}

void model_metadata(serve::Service& service, Call& call, const inference::ModelMetadataRequest& request) {
  const auto model = find(service, call, request);
  if (model == nullptr) return;
  std::vector<std::string> versions;
  for (const auto& served : service.catalog().all()) {
    if (served->signature()->name == request.name()) versions.push_back(served->signature()->version);
  }
  if (!request.version().empty()) versions = {model->signature()->version};
  call.answer(protocol::model_metadata(*model->signature(), versions));
}

void model_config(serve::Service& service, Call& call, const inference::ModelConfigRequest& request) {
  const auto model = find(service, call, request);
  if (model == nullptr) return;
  inference::ModelConfigResponse response;
  *response.mutable_config() = model->config();
  call.answer(response);
}

void model_statistics(serve::Service& service, Call& call, const inference::ModelStatisticsRequest& request) {
  if (const base::Status version = check_version(request.version()); !version) {
    return call.fail(version.error());
  }
  const auto statistics = service.statistics(request.name(), request.version());
  // Of this call clients know no NOT_FOUND.
  if (!statistics) return call.fail({base::Code::kInvalidArgument, statistics.error().message});
  call.answer(protocol::model_statistics(*statistics));
}

}  // namespace

void add_model_calls(Methods& methods, serve::Service& service, const std::string& server_version) {
  using CallPointer = std::shared_ptr<Call>;
  const auto& described = inference_service();
  methods.add(described, "ServerLive",
              parsed<inference::ServerLiveRequest>([](const CallPointer& call, const auto&) {
                inference::ServerLiveResponse response;
                response.set_live(true);
                call->answer(response);
              }));
  methods.add(described, "ServerReady",
              parsed<inference::ServerReadyRequest>([&service](const CallPointer& call, const auto&) {
                inference::ServerReadyResponse response;
                response.set_ready(service.ready());
                call->answer(response);
              }));
  methods.add(
      described, "ServerMetadata",
      parsed<inference::ServerMetadataRequest>([server_version](const CallPointer& call, const auto&) {
        call->answer(protocol::server_metadata(server_version));
      }));
  methods.add(described, "ModelReady",
              parsed<inference::ModelReadyRequest>([&service](const CallPointer& call, const auto& request) {
                model_ready(service, *call, request);
              }));
  methods.add(
      described, "ModelMetadata",
      parsed<inference::ModelMetadataRequest>([&service](const CallPointer& call, const auto& request) {
        model_metadata(service, *call, request);
      }));
  methods.add(described, "ModelConfig",
              parsed<inference::ModelConfigRequest>([&service](const CallPointer& call, const auto& request) {
                model_config(service, *call, request);
              }));
  methods.add(
      described, "ModelStatistics",
      parsed<inference::ModelStatisticsRequest>([&service](const CallPointer& call, const auto& request) {
        model_statistics(service, *call, request);
      }));
}

}  // namespace saccade::grpc
