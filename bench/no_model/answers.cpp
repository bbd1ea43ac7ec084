#include "answers.h"

#include <cstring>

namespace no_model {
namespace {
constexpr int kSide = 28;
constexpr int kClasses = 10;
constexpr int kMostBatch = 64;
}  // namespace

inference::ServerMetadataResponse server_metadata() {
  inference::ServerMetadataResponse response;
  response.set_name("no-model");
  response.set_version("1");
  for (const char* extension : {"model_configuration", "binary_tensor_data", "statistics"}) {
    response.add_extensions(extension);
  }
  return response;
}

inference::ModelMetadataResponse model_metadata() {
  inference::ModelMetadataResponse response;
  response.set_name(kModel);
  response.add_versions(kVersion);
  response.set_platform("none");
  auto& input = *response.add_inputs();
  input.set_name("image");
  input.set_datatype("FP32");
  for (const int size : {-1, kSide, kSide}) input.add_shape(size);
  auto& output = *response.add_outputs();
  output.set_name("probabilities");
  output.set_datatype("FP32");
  for (const int size : {-1, kClasses}) output.add_shape(size);
  return response;
}

inference::ModelConfigResponse model_config() {
  inference::ModelConfigResponse response;
  inference::ModelConfig& config = *response.mutable_config();
  config.set_name(kModel);
  config.set_backend("none");
  config.set_max_batch_size(kMostBatch);
  auto& input = *config.add_input();
  input.set_name("image");
  input.set_data_type(inference::TYPE_FP32);
  for (int i = 0; i < 2; ++i) input.add_dims(kSide);
  auto& output = *config.add_output();
  output.set_name("probabilities");
  output.set_data_type(inference::TYPE_FP32);
  output.add_dims(kClasses);
  return response;
}

inference::ModelInferResponse infer_response() {
  inference::ModelInferResponse response;
  response.set_model_name(kModel);
  response.set_model_version(kVersion);
  auto& output = *response.add_outputs();
  output.set_name("probabilities");
  output.set_datatype("FP32");
  output.add_shape(1);
  output.add_shape(kClasses);
  const float value = 1.0F / kClasses;
  std::string& raw = *response.add_raw_output_contents();
  for (int i = 0; i < kClasses; ++i) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    raw.append(bytes, sizeof value);
  }
  return response;
}

// Each inference takes one nanosecond of everything: perf_analyzer divides by these.
inference::ModelStatisticsResponse Statistics::response() const {
  const std::uint64_t count = inferences_.value.load(std::memory_order_relaxed);
  inference::ModelStatisticsResponse response;
  auto& model = *response.add_model_stats();
  model.set_name(kModel);
  model.set_version(kVersion);
  model.set_inference_count(count);
  model.set_execution_count(count);
  auto& parts = *model.mutable_inference_stats();
  for (auto* part : {parts.mutable_success(), parts.mutable_queue(), parts.mutable_compute_input(),
                     parts.mutable_compute_infer(), parts.mutable_compute_output()}) {
    part->set_count(count);
    part->set_ns(count);
  }
  return response;
}

}  // namespace no_model
