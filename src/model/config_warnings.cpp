#include <algorithm>
#include <span>
#include <string_view>

#include "model/config_checks.h"

namespace saccade::model {

namespace {

using inference::ModelConfig;
using inference::ModelInput;
using inference::ModelInstanceGroup;
using inference::ModelOptimizationPolicy;
using inference::ModelOutput;

// A field that parses, is not refused, and changes nothing yet. Whoever makes one take effect takes its line
// out.
struct Idle {
  int field;
  std::string_view name;
};

constexpr Idle kIdleOfModel[] = {
    {ModelConfig::kMetricTagsFieldNumber, "metric_tags"},
    {ModelConfig::kCcModelFilenamesFieldNumber, "cc_model_filenames"},
    {ModelConfig::kModelOperationsFieldNumber, "model_operations"},
    {ModelConfig::kModelRepositoryAgentsFieldNumber, "model_repository_agents"},
    {ModelConfig::kModelMetricsFieldNumber, "model_metrics"},
    {ModelConfig::kRuntimeFieldNumber, "runtime"},
};
constexpr Idle kIdleOfOptimization[] = {
    {ModelOptimizationPolicy::kPriorityFieldNumber, "optimization.priority"},
    {ModelOptimizationPolicy::kCudaFieldNumber, "optimization.cuda"},
    {ModelOptimizationPolicy::kExecutionAcceleratorsFieldNumber, "optimization.execution_accelerators"},
    {ModelOptimizationPolicy::kInputPinnedMemoryFieldNumber, "optimization.input_pinned_memory"},
    {ModelOptimizationPolicy::kOutputPinnedMemoryFieldNumber, "optimization.output_pinned_memory"},
    {ModelOptimizationPolicy::kGatherKernelBufferThresholdFieldNumber,
     "optimization.gather_kernel_buffer_threshold"},
    {ModelOptimizationPolicy::kEagerBatchingFieldNumber, "optimization.eager_batching"},
};
constexpr Idle kIdleOfGroup[] = {
    {ModelInstanceGroup::kRateLimiterFieldNumber, "instance_group.rate_limiter"},
    {ModelInstanceGroup::kProfileFieldNumber, "instance_group.profile"},
    {ModelInstanceGroup::kSecondaryDevicesFieldNumber, "instance_group.secondary_devices"},
    {ModelInstanceGroup::kHostPolicyFieldNumber, "instance_group.host_policy"},
};
constexpr Idle kIdleOfInput[] = {
    {ModelInput::kFormatFieldNumber, "input.format"},
    {ModelInput::kIsShapeTensorFieldNumber, "input.is_shape_tensor"},
    {ModelInput::kAllowRaggedBatchFieldNumber, "input.allow_ragged_batch"},
    {ModelInput::kOptionalFieldNumber, "input.optional"},
    {ModelInput::kIsNonLinearFormatIoFieldNumber, "input.is_non_linear_format_io"},
};
constexpr Idle kIdleOfOutput[] = {
    {ModelOutput::kIsShapeTensorFieldNumber, "output.is_shape_tensor"},
    {ModelOutput::kIsNonLinearFormatIoFieldNumber, "output.is_non_linear_format_io"},
};

using Names = std::vector<std::string_view>;

// Each name once, in the order in which they are met.
void add_said(Names& names, std::span<const Idle> idle, const Place& place) {
  for (const auto& [field, name] : idle) {
    if (place.says(field) && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
}

std::string fields_without_effect(const ModelConfig& config, const Place& place) {
  Names names;
  add_said(names, kIdleOfModel, place);
  if (config.has_optimization()) {
    add_said(names, kIdleOfOptimization, place.inside(ModelConfig::kOptimizationFieldNumber));
  }
  for (int i = 0; i < config.instance_group_size(); ++i) {
    add_said(names, kIdleOfGroup, place.inside(ModelConfig::kInstanceGroupFieldNumber, i));
  }
  for (int i = 0; i < config.input_size(); ++i) {
    add_said(names, kIdleOfInput, place.inside(ModelConfig::kInputFieldNumber, i));
  }
  for (int i = 0; i < config.output_size(); ++i) {
    add_said(names, kIdleOfOutput, place.inside(ModelConfig::kOutputFieldNumber, i));
  }
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace

std::vector<std::string> config_warnings(const ConfigText& text, std::string_view where) {
  const ModelConfig& config = *text.message;
  const Place place(where, text);
  std::vector<std::string> warnings;
  for (int i = 0; i < config.instance_group_size(); ++i) {
    if (config.instance_group(i).gpus_size() < 2) continue;
    const Place inside = place.inside(ModelConfig::kInstanceGroupFieldNumber, i);
    warnings.push_back(inside.of(ModelInstanceGroup::kGpusFieldNumber) +
                       "instance_group names several gpus; all instances run on the first of them, " +
                       std::to_string(config.instance_group(i).gpus(0)));
  }
  if (config.has_dynamic_batching() && config.max_batch_size() == 0 &&
      place.says(ModelConfig::kMaxBatchSizeFieldNumber)) {
    warnings.push_back(place.of(ModelConfig::kDynamicBatchingFieldNumber) +
                       "dynamic_batching has no effect with max_batch_size 0");
  }
  const std::string idle = fields_without_effect(config, place);
  if (!idle.empty()) warnings.push_back(place.file() + "these fields have no effect yet: " + idle);
  return warnings;
}

}  // namespace saccade::model
