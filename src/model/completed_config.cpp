#include "model/completed_config.h"

#include <algorithm>

#include "model/data_types.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

// Ports in the model's order, what the file says of each kept.
template <typename Ports>
void complete_ports(Ports& ports, const std::vector<request::TensorSpec>& specs, bool batches) {
  Ports said;
  said.Swap(&ports);
  for (const request::TensorSpec& spec : specs) {
    auto& port = *ports.Add();
    const auto known = std::ranges::find_if(said, [&](const auto& one) { return one.name() == spec.name; });
    if (known != said.end()) port = *known;
    port.set_name(spec.name);
    port.set_data_type(to_config_type(spec.type));
    port.clear_dims();
    for (std::size_t axis = batches ? 1 : 0; axis < spec.shape.rank(); ++axis)
      port.add_dims(spec.shape[axis]);
  }
}

void complete_batching(inference::ModelConfig& config, const schedule::BatchPolicy& policy) {
  if (policy.max_batch_size == 0) return;
  // Batches form here whether a file asks for them or not.
  auto& batching = *config.mutable_dynamic_batching();
  batching.set_max_queue_delay_microseconds(static_cast<std::uint64_t>(policy.max_queue_delay.count()));
}

// What clients expect to find. None of it changes anything on a CPU.
void complete_optimization(inference::ModelConfig& config) {
  auto& optimization = *config.mutable_optimization();
  if (!optimization.has_input_pinned_memory()) optimization.mutable_input_pinned_memory()->set_enable(true);
  if (!optimization.has_output_pinned_memory()) optimization.mutable_output_pinned_memory()->set_enable(true);
}

void complete_instances(inference::ModelConfig& config, const engine::SessionOptions& session,
                        std::size_t instances) {
  const bool on_cpu = session.device == engine::Device::kCpu;
  if (config.instance_group().empty()) {
    auto& group = *config.add_instance_group();
    group.set_name(config.name());
    group.set_count(static_cast<std::int32_t>(instances));
  }
  for (int i = 0; i < config.instance_group_size(); ++i) {
    auto& group = *config.mutable_instance_group(i);
    if (group.name().empty()) group.set_name(config.name() + "_" + std::to_string(i));
    group.set_count(std::max(group.count(), 1));
    group.set_kind(on_cpu ? inference::ModelInstanceGroup::KIND_CPU
                          : inference::ModelInstanceGroup::KIND_GPU);
    group.clear_gpus();
    if (!on_cpu) group.add_gpus(session.device_id);
  }
}

}  // namespace

std::unique_ptr<const inference::ModelConfig> completed_config(const ModelSource& source,
                                                               const CompletedModel& completed,
                                                               const std::string& backend,
                                                               const engine::SessionOptions& session,
                                                               std::size_t instances) {
  auto config = std::make_unique<inference::ModelConfig>();
  if (source.config.message != nullptr) *config = *source.config.message;
  const request::ModelSignature& signature = *completed.signature;
  config->set_name(signature.name);
  config->set_platform(signature.platform);
  config->set_backend(backend);
  config->set_max_batch_size(static_cast<std::int32_t>(signature.max_batch_size));
  config->set_default_model_filename(source.directory.empty() && !source.file.empty()
                                         ? source.file.filename().string()
                                         : source.config.default_model_filename);
  if (config->version_policy().policy_choice_case() == inference::ModelVersionPolicy::POLICY_CHOICE_NOT_SET) {
    config->mutable_version_policy()->mutable_latest();
  }
  if (config->version_policy().has_latest() && config->version_policy().latest().num_versions() == 0) {
    config->mutable_version_policy()->mutable_latest()->set_num_versions(1);
  }
  complete_ports(*config->mutable_input(), signature.inputs, signature.batches());
  complete_ports(*config->mutable_output(), signature.outputs, signature.batches());
  complete_batching(*config, completed.policy);
  complete_optimization(*config);
  complete_instances(*config, session, instances);
  return config;
}

}  // namespace saccade::model
