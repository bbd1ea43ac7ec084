#include "model/config_checks.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include "model/model_files.h"
#include "model/names.h"
#include "model/port_checks.h"
#include "model/text_file.h"

namespace saccade::model {

namespace {

using inference::ModelConfig;
using inference::ModelDynamicBatching;
using inference::ModelInstanceGroup;

// Nobody waits a day for company; past it the figure was meant in another unit, or is a wrapped negative one.
constexpr std::uint64_t kLongestQueueDelay = 86'400'000'000;
// Every instance is a loaded copy of the model.
constexpr std::int64_t kMostInstances = 1024;
// Each level is a queue of its own.
constexpr std::uint64_t kMostPriorityLevels = 1024;

base::Status check_kind(const ModelConfig& config, const Place& place) {
  if (config.has_ensemble_scheduling() || config.platform() == "ensemble") {
    const int field = config.has_ensemble_scheduling() ? ModelConfig::kEnsembleSchedulingFieldNumber
                                                       : ModelConfig::kPlatformFieldNumber;
    return base::invalid_argument(place.of(field) +
                                  "ensembles are not served yet; serve the models of its steps on their own");
  }
  if (config.has_sequence_batching()) {
    return base::invalid_argument(
        place.of(ModelConfig::kSequenceBatchingFieldNumber) +
        "sequence_batching is not served yet; only models that keep nothing from one "
        "request to the next are");
  }
  if (config.model_transaction_policy().decoupled()) {
    return base::invalid_argument(place.of(ModelConfig::kModelTransactionPolicyFieldNumber) +
                                  "decoupled models are not served yet; only one answer to each request is");
  }
  for (const int field : {ModelConfig::kBatchInputFieldNumber, ModelConfig::kBatchOutputFieldNumber}) {
    if (!place.says(field)) continue;
    return base::invalid_argument(place.of(field) +
                                  "batch_input and batch_output are not served yet; only models whose inputs "
                                  "all come with the request are");
  }
  if (const std::string wrong = wrong_platform(config.platform()); !wrong.empty()) {
    return base::invalid_argument(place.of(ModelConfig::kPlatformFieldNumber) + "platform " +
                                  in_quotes(config.platform()) + wrong);
  }
  if (const std::string wrong = wrong_backend(config.backend()); !wrong.empty()) {
    return base::invalid_argument(place.of(ModelConfig::kBackendFieldNumber) + "backend " +
                                  in_quotes(config.backend()) + wrong);
  }
  return {};
}

base::Status check_names(const ModelConfig& config, const Place& place) {
  if (!config.name().empty() && !is_model_name(config.name())) {
    return base::invalid_argument(place.of(ModelConfig::kNameFieldNumber) + "name " +
                                  in_quotes(config.name()) + ": " + std::string(kModelNameRule));
  }
  const std::string& file = config.default_model_filename();
  if (!file.empty() && !stays_inside(file)) {
    return base::invalid_argument(place.of(ModelConfig::kDefaultModelFilenameFieldNumber) +
                                  "default_model_filename " + in_quotes(file) +
                                  " leads out of the version's directory; name a file inside it");
  }
  return {};
}

base::Status check_timeout(const inference::ModelQueuePolicy& policy, const std::string& place) {
  if (policy.default_timeout_microseconds() <= kLongestQueueDelay) return {};
  return base::invalid_argument(place + "default_timeout_microseconds is " +
                                std::to_string(policy.default_timeout_microseconds()) +
                                "; the longest is a day, " + std::to_string(kLongestQueueDelay));
}

base::Status check_timeouts(const ModelDynamicBatching& batching, const Place& inside) {
  const std::string place = inside.of(ModelDynamicBatching::kDefaultQueuePolicyFieldNumber);
  if (auto status = check_timeout(batching.default_queue_policy(), place); !status) return status;
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    const std::string own = inside.of(ModelDynamicBatching::kPriorityQueuePolicyFieldNumber);
    if (auto status = check_timeout(policy, own); !status) return status;
  }
  return {};
}

base::Status check_batching(const ModelConfig& config, const Place& place) {
  if (config.max_batch_size() < 0) {
    return base::invalid_argument(place.of(ModelConfig::kMaxBatchSizeFieldNumber) + "max_batch_size is " +
                                  std::to_string(config.max_batch_size()) +
                                  "; it must be 1 or more, or 0 for a model without a batch dimension");
  }
  if (!config.has_dynamic_batching()) return {};
  const ModelDynamicBatching& batching = config.dynamic_batching();
  const Place inside = place.inside(ModelConfig::kDynamicBatchingFieldNumber);
  const bool limited = place.says(ModelConfig::kMaxBatchSizeFieldNumber);
  for (int i = 0; i < batching.preferred_batch_size_size(); ++i) {
    const std::int64_t size = batching.preferred_batch_size(i);
    const std::string at = inside.of(ModelDynamicBatching::kPreferredBatchSizeFieldNumber, i);
    if (size < 1) {
      return base::invalid_argument(at + "preferred_batch_size " + std::to_string(size) +
                                    "; it must be 1 or more");
    }
    if (limited && size > config.max_batch_size()) {
      return base::invalid_argument(at + "preferred_batch_size " + std::to_string(size) +
                                    " is above max_batch_size, " + std::to_string(config.max_batch_size()));
    }
  }
  if (batching.max_queue_delay_microseconds() > kLongestQueueDelay) {
    return base::invalid_argument(inside.of(ModelDynamicBatching::kMaxQueueDelayMicrosecondsFieldNumber) +
                                  "max_queue_delay_microseconds is " +
                                  std::to_string(batching.max_queue_delay_microseconds()) +
                                  "; the longest is a day, " + std::to_string(kLongestQueueDelay));
  }
  const std::uint64_t levels = batching.priority_levels();
  if (levels > kMostPriorityLevels) {
    return base::invalid_argument(inside.of(ModelDynamicBatching::kPriorityLevelsFieldNumber) +
                                  "priority_levels is " + std::to_string(levels) + "; there are at most " +
                                  std::to_string(kMostPriorityLevels));
  }
  const std::uint64_t usual = batching.default_priority_level();
  if (usual > levels || (levels > 0 && usual == 0)) {
    return base::invalid_argument(
        inside.of(ModelDynamicBatching::kDefaultPriorityLevelFieldNumber) + "default_priority_level is " +
        std::to_string(usual) +
        (levels == 0 ? "; without priority_levels there is none"
                     : "; it must be 1 to " + std::to_string(levels) + ", the priority_levels"));
  }
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    if (level >= 1 && level <= levels) continue;
    return base::invalid_argument(inside.of(ModelDynamicBatching::kPriorityQueuePolicyFieldNumber) +
                                  "priority_queue_policy for level " + std::to_string(level) +
                                  "; there are " + std::to_string(levels) + " priority_levels");
  }
  return check_timeouts(batching, inside);
}

base::Status check_group(const ModelInstanceGroup& group, const Place& place) {
  if (place.says(ModelInstanceGroup::kCountFieldNumber) && group.count() < 1) {
    return base::invalid_argument(place.of(ModelInstanceGroup::kCountFieldNumber) +
                                  "instance_group count is " + std::to_string(group.count()) +
                                  "; it must be 1 or more");
  }
  if (!ModelInstanceGroup::Kind_IsValid(group.kind())) {
    return base::invalid_argument(place.of(ModelInstanceGroup::kKindFieldNumber) + "instance_group kind " +
                                  std::to_string(group.kind()) +
                                  "; known are KIND_AUTO, KIND_CPU, KIND_GPU and KIND_MODEL");
  }
  const bool takes_gpus =
      group.kind() == ModelInstanceGroup::KIND_AUTO || group.kind() == ModelInstanceGroup::KIND_GPU;
  if (!takes_gpus && group.gpus_size() > 0) {
    return base::invalid_argument(
        place.of(ModelInstanceGroup::kGpusFieldNumber) + "instance_group names gpus, but its kind is " +
        ModelInstanceGroup::Kind_Name(group.kind()) + "; leave the gpus out, or make it KIND_GPU");
  }
  return {};
}

base::Status check_instances(const ModelConfig& config, const Place& place) {
  std::int64_t instances = 0;
  for (int i = 0; i < config.instance_group_size(); ++i) {
    const ModelInstanceGroup& group = config.instance_group(i);
    const Place inside = place.inside(ModelConfig::kInstanceGroupFieldNumber, i);
    if (auto status = check_group(group, inside); !status) return status;
    if (!group.passive()) instances += std::max(group.count(), 1);
    if (instances > kMostInstances) {
      return base::invalid_argument(inside.of(ModelInstanceGroup::kCountFieldNumber) + "more than " +
                                    std::to_string(kMostInstances) + " instances of one model");
    }
  }
  if (config.instance_group_size() > 0 && instances == 0) {
    return base::invalid_argument(place.of(ModelConfig::kInstanceGroupFieldNumber) +
                                  "every instance_group is passive, so no request would ever be run; leave "
                                  "`passive` out of one");
  }
  return {};
}

base::Status check_versions(const ModelConfig& config, const Place& place) {
  using inference::ModelVersionPolicy;
  const ModelVersionPolicy& policy = config.version_policy();
  const Place inside = place.inside(ModelConfig::kVersionPolicyFieldNumber);
  if (policy.has_latest() && policy.latest().num_versions() == 0) {
    const Place latest = inside.inside(ModelVersionPolicy::kLatestFieldNumber);
    if (latest.says(ModelVersionPolicy::Latest::kNumVersionsFieldNumber)) {
      return base::invalid_argument(latest.of(ModelVersionPolicy::Latest::kNumVersionsFieldNumber) +
                                    "num_versions is 0, which serves nothing; it must be 1 or more");
    }
  }
  if (!policy.has_specific()) return {};
  const Place specific = inside.inside(ModelVersionPolicy::kSpecificFieldNumber);
  if (policy.specific().versions_size() == 0) {
    return base::invalid_argument(inside.of(ModelVersionPolicy::kSpecificFieldNumber) +
                                  "version_policy is `specific` and names no versions; list them: specific { "
                                  "versions: [1] }");
  }
  for (int i = 0; i < policy.specific().versions_size(); ++i) {
    const std::int64_t version = policy.specific().versions(i);
    if (version > 0) continue;
    return base::invalid_argument(specific.of(ModelVersionPolicy::Specific::kVersionsFieldNumber, i) +
                                  "version_policy names version " + std::to_string(version) +
                                  "; versions are positive whole numbers");
  }
  return {};
}

}  // namespace

base::Status check_config(const ConfigText& text, std::string_view where) {
  const ModelConfig& config = *text.message;
  const Place place(where, text);
  for (const auto check :
       {check_kind, check_names, check_batching, check_ports, check_instances, check_versions}) {
    if (auto status = check(config, place); !status) return status;
  }
  return {};
}

}  // namespace saccade::model
