#include "model/session_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "model/guard_settings.h"
#include "model/schedule_settings.h"
#include "model/text_file.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

using engine::Device;
using inference::ModelInstanceGroup;

constexpr int kMostThreads = 1024;
constexpr int kMostDevices = 1024;
constexpr std::array<std::pair<Device, std::string_view>, 3> kDevices{
    {{Device::kCpu, "cpu"}, {Device::kCuda, "cuda"}, {Device::kTensorRt, "tensorrt"}}};

std::string where(const ModelSource& source) {
  return "model \"" + source.name + "\" version " + source.version + ": ";
}

base::Status take_number(const ModelSource& source, const std::string& name, const std::string& text,
                         int most, int& into) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (failure == std::errc{} && end == text.data() + text.size() && into >= 0 && into <= most) return {};
  return base::invalid_argument(where(source) + "parameter " + name + " is " + in_quotes(text) +
                                "; it must be a whole number from 0 to " + std::to_string(most));
}

base::Status take_level(const ModelSource& source, int level, engine::SessionOptions& options) {
  switch (level) {
    case 0:
      return {};
    case -1:
      options.optimization = engine::GraphOptimization::kBasic;
      return {};
    case 1:
      options.optimization = engine::GraphOptimization::kExtended;
      return {};
    case 2:
      options.optimization = engine::GraphOptimization::kNone;
      return {};
    default:
      return base::invalid_argument(where(source) + "optimization.graph.level is " + std::to_string(level) +
                                    "; it may be -1 (basic), 1 (extended), 2 (none), or left out for all");
  }
}

base::Status take_device(const ModelSource& source, const std::string& text, Device& into) {
  const auto known = std::ranges::find(kDevices, text, &std::pair<Device, std::string_view>::second);
  if (known == kDevices.end()) {
    return base::invalid_argument(where(source) + "parameter device is " + in_quotes(text) +
                                  "; it may be \"cpu\", \"cuda\" or \"tensorrt\"");
  }
  into = known->first;
  return {};
}

base::Status take_fallback(const ModelSource& source, const std::string& text, bool& into) {
  if (text != "cpu" && text != "none") {
    return base::invalid_argument(where(source) + "parameter device_fallback is " + in_quotes(text) +
                                  "; it may be \"cpu\", or \"none\" to serve on the device or not at all");
  }
  into = text == "cpu";
  return {};
}

// Instances on a GPU are a wish: repositories that name one are served by machines without it, too. Whoever
// will have nothing else says `device`, or device_fallback "none".
void take_groups(const inference::ModelConfig& config, SessionSettings& settings) {
  for (const ModelInstanceGroup& group : config.instance_group()) {
    if (group.kind() != ModelInstanceGroup::KIND_GPU || group.passive()) continue;
    settings.options.device = Device::kCuda;
    settings.options.device_id = group.gpus().empty() ? 0 : group.gpus(0);
    settings.cpu_fallback = true;
    return;
  }
}

// A `backend` that every configuration of its format carries names the format, as a platform does, and says
// nothing against another engine whose answers agree; the parameter `engine` is what pins one. Of the engines
// only OpenVINO is named for its own sake: nobody writes it for want of another name for an ONNX file.
void take_backend(const inference::ModelConfig& config, SessionSettings& settings) {
  if (config.backend() == "openvino") settings.engine = config.backend();
}

base::Result<bool> take_parameter(const ModelSource& source, const std::string& name, const std::string& text,
                                  SessionSettings& settings) {
  base::Status taken;
  int parallel = 0;
  if (name == "intra_op_thread_count") {
    taken = take_number(source, name, text, kMostThreads, settings.options.threads);
    settings.threads_said = true;
  } else if (name == "lone_thread_count") {
    taken = take_number(source, name, text, kMostThreads, settings.lone_threads.emplace(0));
  } else if (name == "inter_op_thread_count") {
    taken = take_number(source, name, text, kMostThreads, settings.options.threads_between);
  } else if (name == "execution_mode") {
    taken = take_number(source, name, text, 1, parallel);
    settings.options.parallel = parallel == 1;
  } else if (name == "engine") {
    settings.engine = text;
  } else if (name == "device") {
    settings.cpu_fallback = false;
    taken = take_device(source, text, settings.options.device);
  } else if (name == "device_id") {
    taken = take_number(source, name, text, kMostDevices, settings.options.device_id);
  } else if (name != "device_fallback") {  // comes last
    return is_schedule_parameter(name) || is_guard_parameter(name);
  }
  if (!taken) return std::unexpected(std::move(taken.error()));
  return true;
}

}  // namespace

base::Result<SessionSettings> session_settings(const ModelSource& source) {
  SessionSettings settings;
  if (source.config.message != nullptr) {
    take_groups(*source.config.message, settings);
    take_backend(*source.config.message, settings);
  }
  std::string idle;
  for (const auto& [name, text] : source.config.parameters) {
    const auto known = take_parameter(source, name, text, settings);
    if (!known) return std::unexpected(known.error());
    if (!*known) idle += (idle.empty() ? "" : ", ") + in_quotes(name);
  }
  if (const auto said = source.config.parameters.find("device_fallback");
      said != source.config.parameters.end()) {
    if (base::Status taken = take_fallback(source, said->second, settings.cpu_fallback); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  if (!idle.empty()) settings.warnings.push_back(where(source) + "parameters without effect: " + idle);
  if (source.config.message != nullptr && source.config.message->optimization().has_graph()) {
    const int level = source.config.message->optimization().graph().level();
    if (base::Status taken = take_level(source, level, settings.options); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  return settings;
}

std::string_view device_name(Device device) {
  return std::ranges::find(kDevices, device, &std::pair<Device, std::string_view>::first)->second;
}

}  // namespace saccade::model
