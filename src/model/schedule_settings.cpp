#include "model/schedule_settings.h"

#include <algorithm>
#include <charconv>

#include "model/text_file.h"

namespace saccade::model {
namespace {

constexpr std::string_view kObjective = "objective";
constexpr std::string_view kMinInstances = "min_instances";
constexpr std::string_view kWeight = "weight";
constexpr std::size_t kMostInstances = 1024;
constexpr double kLeastWeight = 0.01;
constexpr double kMostWeight = 100;

const std::string* find(const ModelConfig& config, std::string_view name) {
  const auto found = config.parameters.find(std::string(name));
  return found == config.parameters.end() ? nullptr : &found->second;
}

base::Status set_weight(const std::string& text, const std::string& where, schedule::BatchPolicy& policy) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), policy.weight);
  // Not a number compares as false.
  if (failure == std::errc{} && end == text.data() + text.size() && policy.weight >= kLeastWeight &&
      policy.weight <= kMostWeight) {
    return {};
  }
  return base::invalid_argument(where + ": parameter weight is " + in_quotes(text) +
                                "; it takes a number from 0.01 to 100, 1 where it is left out");
}

base::Status set_least(const std::string& text, const std::string& where, schedule::BatchPolicy& policy) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), policy.min_instances);
  if (failure != std::errc{} || end != text.data() + text.size() || policy.min_instances > kMostInstances) {
    return base::invalid_argument(where + ": parameter min_instances is \"" + text +
                                  "\"; it takes a whole number from 0 to " + std::to_string(kMostInstances));
  }
  if (policy.max_instances > 0 && policy.min_instances > policy.max_instances) {
    return base::invalid_argument(where + ": parameter min_instances is " + text + ", more than the " +
                                  std::to_string(policy.max_instances) +
                                  " that the instance groups (or --max-instances) allow");
  }
  return {};
}

}  // namespace

bool is_schedule_parameter(std::string_view name) {
  return name == kObjective || name == kMinInstances || name == kWeight;
}

base::Status apply_schedule_settings(const ModelConfig& config, const ScheduleDefaults& defaults,
                                     const std::string& where, schedule::BatchPolicy& policy) {
  policy.objective = defaults.objective;
  policy.max_instances = defaults.max_instances;
  if (config.instance_count > 0) policy.max_instances = static_cast<std::size_t>(config.instance_count);
  policy.min_instances = defaults.min_instances;
  if (policy.max_instances > 0) policy.min_instances = std::min(policy.min_instances, policy.max_instances);
  if (const std::string* text = find(config, kMinInstances)) {
    if (base::Status set = set_least(*text, where, policy); !set) return set;
  }
  if (const std::string* text = find(config, kWeight)) {
    if (base::Status set = set_weight(*text, where, policy); !set) return set;
  }
  if (const std::string* text = find(config, kObjective)) {
    policy.objective = {};
    if (*text == "none") return {};
    auto objective = request::parse_objective(*text);
    if (!objective) {
      return base::invalid_argument(where + ": parameter objective: " + objective.error().message);
    }
    policy.objective = *objective;
  }
  return {};
}

}  // namespace saccade::model
