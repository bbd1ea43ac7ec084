#include "model/config.h"

#include <algorithm>
#include <utility>

#include "model/config_checks.h"
#include "model/config_text.h"
#include "model/data_types.h"
#include "model/text_file.h"

namespace saccade::model {

namespace {

// Real ones are a few kilobytes.
constexpr std::size_t kMostBytes = 1 << 20;

tensor::Shape to_shape(const google::protobuf::RepeatedField<std::int64_t>& dims) {
  return tensor::Shape(std::span(dims.data(), static_cast<std::size_t>(dims.size())));
}

template <typename Port>
PortConfig to_port(const Port& port) {
  PortConfig result;
  result.name = port.name();
  result.type = from_config_type(port.data_type());
  if (!port.dims().empty()) result.dims = to_shape(port.dims());
  if (port.has_reshape()) result.reshape = to_shape(port.reshape().shape());
  return result;
}

schedule::QueuePolicy to_queue(const inference::ModelQueuePolicy& policy) {
  using Action = schedule::QueuePolicy::TimeoutAction;
  return {.timeout_action = policy.timeout_action() == inference::ModelQueuePolicy::DELAY ? Action::kDelay
                                                                                          : Action::kReject,
          .default_timeout = std::chrono::microseconds(policy.default_timeout_microseconds()),
          .allow_timeout_override = policy.allow_timeout_override(),
          .max_size = policy.max_queue_size()};
}

DynamicBatching to_batching(const inference::ModelDynamicBatching& batching, bool says_delay) {
  DynamicBatching result;
  const auto& sizes = batching.preferred_batch_size();
  result.preferred_batch_sizes.assign(sizes.begin(), sizes.end());
  std::ranges::sort(result.preferred_batch_sizes);
  const auto repeats = std::ranges::unique(result.preferred_batch_sizes);
  result.preferred_batch_sizes.erase(repeats.begin(), repeats.end());
  if (says_delay) result.max_queue_delay = std::chrono::microseconds(batching.max_queue_delay_microseconds());
  result.preserve_ordering = batching.preserve_ordering();
  result.priority_levels = batching.priority_levels();
  result.default_priority = batching.default_priority_level();
  result.queue = to_queue(batching.default_queue_policy());
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    result.level_queues.emplace(level, to_queue(policy));
  }
  return result;
}

VersionPolicy to_version_policy(const inference::ModelVersionPolicy& policy) {
  VersionPolicy result;
  if (policy.has_all()) {
    result.kind = VersionPolicy::Kind::kAll;
  } else if (policy.has_specific()) {
    result.kind = VersionPolicy::Kind::kSpecific;
    result.versions.assign(policy.specific().versions().begin(), policy.specific().versions().end());
    std::ranges::sort(result.versions);
    const auto repeats = std::ranges::unique(result.versions);
    result.versions.erase(repeats.begin(), repeats.end());
  } else if (policy.has_latest()) {
    result.latest = std::max(policy.latest().num_versions(), 1U);
  }
  return result;
}

// Expects what check_config has passed.
ModelConfig to_config(const inference::ModelConfig& message, const Place& place) {
  ModelConfig config;
  config.name = message.name();
  if (place.says(inference::ModelConfig::kMaxBatchSizeFieldNumber))
    config.max_batch_size = message.max_batch_size();
  for (const auto& input : message.input()) {
    config.inputs.push_back(to_port(input));
    config.inputs.back().optional = input.optional();
  }
  for (const auto& output : message.output()) {
    config.outputs.push_back(to_port(output));
    config.outputs.back().label_filename = output.label_filename();
  }
  if (!message.default_model_filename().empty()) {
    config.default_model_filename = message.default_model_filename();
    config.filename_said = true;
  }
  config.platform = message.platform();
  if (config.platform.empty() && (message.backend() == "tensorflow" || message.backend() == "paddle")) {
    config.platform = message.backend();
  }
  if (message.has_dynamic_batching()) {
    const Place inside = place.inside(inference::ModelConfig::kDynamicBatchingFieldNumber);
    config.dynamic_batching =
        to_batching(message.dynamic_batching(),
                    inside.says(inference::ModelDynamicBatching::kMaxQueueDelayMicrosecondsFieldNumber));
  }
  for (const auto& group : message.instance_group()) {
    if (!group.passive()) config.instance_count += std::max(group.count(), 1);
  }
  config.version_policy = to_version_policy(message.version_policy());
  for (const auto& [key, value] : message.parameters()) config.parameters.emplace(key, value.string_value());
  return config;
}

base::Result<ConfigFile> to_file(ConfigText parsed, std::string_view where) {
  if (auto status = check_config(parsed, where); !status) return std::unexpected(std::move(status.error()));
  ConfigFile file;
  file.config = to_config(*parsed.message, Place(where, parsed));
  file.config.message = parsed.message;
  file.warnings = std::move(parsed.warnings);
  std::ranges::move(config_warnings(parsed, where), std::back_inserter(file.warnings));
  return file;
}

std::unexpected<base::Error> too_large(std::string_view where) {
  return base::invalid_argument(std::string(where) + ": larger than " + std::to_string(kMostBytes) +
                                " bytes");
}

}  // namespace

base::Result<ConfigFile> parse_config(std::string_view text, std::string_view where) {
  if (text.size() > kMostBytes) return too_large(where);
  auto parsed = parse_config_text(text, where);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  return to_file(*std::move(parsed), where);
}

base::Result<ConfigFile> parse_config_json(std::string_view json, std::string_view where) {
  if (json.size() > kMostBytes) return too_large(where);
  auto parsed = parse_config_json_text(json, where);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  return to_file(*std::move(parsed), where);
}

base::Result<ConfigFile> read_config(const std::filesystem::path& file) {
  const auto text = read_text_file(file, kMostBytes);
  if (!text) return std::unexpected(text.error());
  return parse_config(*text, file.string());
}

base::Status check_preferred_batch_sizes(const ModelConfig& config, std::int64_t max_batch_size,
                                         std::string_view where) {
  if (!config.dynamic_batching) return {};
  for (const std::int64_t size : config.dynamic_batching->preferred_batch_sizes) {
    if (size <= max_batch_size) continue;
    return base::invalid_argument(std::string(where) + ": preferred_batch_size " + std::to_string(size) +
                                  " is above max_batch_size, " + std::to_string(max_batch_size));
  }
  return {};
}

}  // namespace saccade::model
