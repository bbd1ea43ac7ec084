#include <utility>

#include "grpc/inference_service.h"
#include "grpc/services.h"
#include "protocol/management.h"

namespace saccade::grpc {
namespace {

using CallPointer = std::shared_ptr<Call>;
using Parameter = inference::ModelRepositoryParameter;

constexpr std::string_view kFilePrefix = "file:";

// There is one repository, or several that are one to the client.
bool names_repository(Call& call, const std::string& name) {
  if (name.empty()) return false;
  call.finish(
      {StatusCode::kUnimplemented, "'repository_name' specification is not supported; leave it empty"});
  return true;
}

base::Status wrong_type(const std::string& parameter, const char* type) {
  return base::invalid_argument("invalid value type for load parameter '" + parameter.substr(0, 200) +
                                "', expected " + type + ".");
}

base::Status add_parameter(model::LoadOverride& override, const std::string& name, const Parameter& value) {
  if (name == "config") {
    if (value.parameter_choice_case() != Parameter::kStringParam) return wrong_type(name, "string_param");
    override.config_json = value.string_param();
  } else if (name.starts_with(kFilePrefix)) {
    if (value.parameter_choice_case() != Parameter::kBytesParam) return wrong_type(name, "bytes_param");
    override.files.insert_or_assign(name.substr(kFilePrefix.size()), value.bytes_param());
  } else {
    return base::invalid_argument("unrecognized load parameter '" + name.substr(0, 200) +
                                  "'; there are 'config' and 'file:VERSION/NAME'");
  }
  return {};
}

base::Result<model::LoadOverride> override_of(const inference::RepositoryModelLoadRequest& request) {
  model::LoadOverride override;
  for (const auto& [name, value] : request.parameters()) {
    if (base::Status added = add_parameter(override, name, value); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (!override.files.empty() && !override.config_json) {
    return base::invalid_argument("load parameters 'file:…' need a 'config' beside them");
  }
  return override;
}

void index(serve::Service& service, const CallPointer& call,
           const inference::RepositoryIndexRequest& request) {
  if (names_repository(*call, request.repository_name())) return;
  service.fresh_index(request.ready(), call->loop(), [call](const std::vector<model::IndexEntry>& entries) {
    inference::RepositoryIndexResponse response;
    for (const model::IndexEntry& entry : entries) {
      protocol::add_to_index(response, entry.name, entry.version, model::state_name(entry.state),
                             clean_utf8(entry.reason));
    }
    call->answer(response);
  });
}

bool has_name(Call& call, const std::string& name) {
  if (!name.empty()) return true;
  call.fail({base::Code::kInvalidArgument, "model_name is empty; name the model"});
  return false;
}

void load(serve::Service& service, const CallPointer& call,
          const inference::RepositoryModelLoadRequest& request) {
  if (names_repository(*call, request.repository_name()) || !has_name(*call, request.model_name())) return;
  auto override = override_of(request);
  if (!override) return call->fail(override.error());
  service.load_model(request.model_name(), *std::move(override), call->loop(),
                     [call](const base::Status& loaded) {
                       if (!loaded) return call->fail(loaded.error());
                       call->answer(inference::RepositoryModelLoadResponse());
                     });
}

void unload(serve::Service& service, const CallPointer& call,
            const inference::RepositoryModelUnloadRequest& request) {
  if (names_repository(*call, request.repository_name()) || !has_name(*call, request.model_name())) return;
  bool dependents = false;
  if (const auto found = request.parameters().find("unload_dependents");
      found != request.parameters().end()) {
    if (found->second.parameter_choice_case() != Parameter::kBoolParam) {
      return call->fail({base::Code::kInvalidArgument,
                         "invalid value type for 'unload_dependents' parameter, expected bool_param."});
    }
    dependents = found->second.bool_param();
  }
  service.unload_model(request.model_name(), dependents, call->loop(), [call](const base::Status& unloaded) {
    if (!unloaded) return call->fail(unloaded.error());
    call->answer(inference::RepositoryModelUnloadResponse());
  });
}

}  // namespace

void add_repository_calls(Methods& methods, serve::Service& service) {
  const auto& described = inference_service();
  methods.add(
      described, "RepositoryIndex",
      parsed<inference::RepositoryIndexRequest>(
          [&service](const CallPointer& call, const auto& request) { index(service, call, request); }));
  methods.add(
      described, "RepositoryModelLoad",
      parsed<inference::RepositoryModelLoadRequest>(
          [&service](const CallPointer& call, const auto& request) { load(service, call, request); }));
  methods.add(
      described, "RepositoryModelUnload",
      parsed<inference::RepositoryModelUnloadRequest>(
          [&service](const CallPointer& call, const auto& request) { unload(service, call, request); }));
}

}  // namespace saccade::grpc
