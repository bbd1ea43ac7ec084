#include "grpc/inference_service.h"
#include "grpc/services.h"
#include "serve/settings.h"

namespace saccade::grpc {
namespace {

using CallPointer = std::shared_ptr<Call>;
using LogValue = inference::LogSettingsRequest::SettingValue;

base::Result<serve::LogSetting> log_setting(const std::string& name, const LogValue& value) {
  switch (value.parameter_choice_case()) {
    case LogValue::kBoolParam:
      return value.bool_param();
    case LogValue::kUint32Param:
      return std::uint64_t{value.uint32_param()};
    case LogValue::kStringParam:
      return value.string_param();
    case LogValue::PARAMETER_CHOICE_NOT_SET:
      break;
  }
  return base::invalid_argument("log setting '" + name.substr(0, 100) + "' has no value");
}

// Answers with the settings, after any change.
void log_settings(Call& call, const inference::LogSettingsRequest& request) {
  std::map<std::string, serve::LogSetting> changes;
  for (const auto& [name, value] : request.settings()) {
    auto setting = log_setting(name, value);
    if (!setting) return call.fail(setting.error());
    changes.insert_or_assign(name, *std::move(setting));
  }
  if (!changes.empty()) {
    if (const base::Status changed = serve::change_log_settings(changes); !changed) {
      return call.fail(changed.error());
    }
  }
  inference::LogSettingsResponse response;
  for (const auto& [name, value] : serve::log_settings()) {
    auto& setting = (*response.mutable_settings())[name];
    if (const auto* flag = std::get_if<bool>(&value)) {
      setting.set_bool_param(*flag);
    } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
      setting.set_uint32_param(static_cast<std::uint32_t>(*number));
    } else {
      setting.set_string_param(std::get<std::string>(value));
    }
  }
  call.answer(response);
}

void trace_settings(serve::Service& service, Call& call, const inference::TraceSettingRequest& request) {
  if (!request.model_name().empty()) {
    const auto model = service.catalog().find(request.model_name(), "");
    // Of this call clients know no NOT_FOUND.
    if (!model) return call.fail({base::Code::kInvalidArgument, model.error().message});
  }
  serve::TraceSettingValues changes;
  for (const auto& [name, value] : request.settings()) {
    changes[name].assign(value.value().begin(), value.value().end());
  }
  if (!changes.empty()) {
    const base::Status changed =
        serve::change_trace_settings(service.tracer(), request.model_name(), changes);
    if (!changed) return call.fail(changed.error());
  }
  inference::TraceSettingResponse response;
  for (const auto& [name, values] : serve::trace_settings(service.tracer(), request.model_name())) {
    auto& setting = (*response.mutable_settings())[name];
    for (const std::string& value : values) setting.add_value(value);
  }
  call.answer(response);
}

}  // namespace

void add_setting_calls(Methods& methods, serve::Service& service) {
  methods.add(inference_service(), "LogSettings",
              parsed<inference::LogSettingsRequest>(
                  [](const CallPointer& call, const auto& request) { log_settings(*call, request); }));
  methods.add(
      inference_service(), "TraceSetting",
      parsed<inference::TraceSettingRequest>([&service](const CallPointer& call, const auto& request) {
        trace_settings(service, *call, request);
      }));
}

}  // namespace saccade::grpc
