#include "protocol/management.h"

#include "grpc_service.pb.h"

namespace saccade::protocol {
namespace {

void set_ports(google::protobuf::RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>& ports,
               const std::vector<request::TensorSpec>& specs, bool batches) {
  for (const request::TensorSpec& spec : specs) {
    auto& port = *ports.Add();
    port.set_name(spec.name);
    port.set_datatype(std::string(tensor::data_type_name(spec.type)));
    for (std::size_t axis = 0; axis < spec.shape.rank(); ++axis) {
      port.add_shape(batches && axis == 0 ? -1 : spec.shape[axis]);
    }
  }
}

void set_duration(inference::StatisticDuration& message, const request::DurationSum& sum) {
  message.set_count(sum.count);
  message.set_ns(sum.nanoseconds);
}

void add_model(inference::ModelStatisticsResponse& response, const request::ModelStatistics& model) {
  auto& message = *response.add_model_stats();
  message.set_name(model.name);
  message.set_version(model.version);
  message.set_last_inference(model.last_inference_ms);
  message.set_inference_count(model.inference_count);
  message.set_execution_count(model.execution_count);
  auto& parts = *message.mutable_inference_stats();
  set_duration(*parts.mutable_success(), model.success);
  set_duration(*parts.mutable_fail(), model.fail);
  set_duration(*parts.mutable_queue(), model.queue);
  set_duration(*parts.mutable_compute_input(), model.compute_input);
  set_duration(*parts.mutable_compute_infer(), model.compute_infer);
  set_duration(*parts.mutable_compute_output(), model.compute_output);
  set_duration(*parts.mutable_cache_hit(), model.cache_hit);
  set_duration(*parts.mutable_cache_miss(), model.cache_miss);
  for (const request::BatchStatistics& batch : model.batches) {
    auto& runs = *message.add_batch_stats();
    runs.set_batch_size(batch.batch_size);
    set_duration(*runs.mutable_compute_input(), batch.compute_input);
    set_duration(*runs.mutable_compute_infer(), batch.compute_infer);
    set_duration(*runs.mutable_compute_output(), batch.compute_output);
  }
}

}  // namespace

inference::ServerMetadataResponse server_metadata(std::string_view server_version) {
  inference::ServerMetadataResponse response;
  response.set_name("saccade");
  response.set_version(std::string(server_version));
  for (const char* extension : {"classification", "model_repository", "model_repository(unload_dependents)",
                                "schedule_policy", "model_configuration", "system_shared_memory",
                                "binary_tensor_data", "parameters", "statistics", "trace", "logging"}) {
    response.add_extensions(extension);
  }
  return response;
}

inference::ModelMetadataResponse model_metadata(const request::ModelSignature& model,
                                                const std::vector<std::string>& versions) {
  inference::ModelMetadataResponse response;
  response.set_name(model.name);
  for (const std::string& version : versions) response.add_versions(version);
  response.set_platform(model.platform);
  set_ports(*response.mutable_inputs(), model.inputs, model.batches());
  set_ports(*response.mutable_outputs(), model.outputs, model.batches());
  return response;
}

inference::ModelStatisticsResponse model_statistics(const std::vector<request::ModelStatistics>& models) {
  inference::ModelStatisticsResponse response;
  for (const request::ModelStatistics& model : models) add_model(response, model);
  return response;
}

void add_to_index(inference::RepositoryIndexResponse& index, std::string_view name, std::string_view version,
                  std::string_view state, std::string_view reason) {
  auto& entry = *index.add_models();
  entry.set_name(std::string(name));
  entry.set_version(std::string(version));
  entry.set_state(std::string(state));
  entry.set_reason(std::string(reason));
}

}  // namespace saccade::protocol
