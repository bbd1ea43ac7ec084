#include "quality/model_quality.h"

#include <algorithm>
#include <array>

#include "tensor/half.h"

namespace saccade::quality {
namespace {

using tensor::DataType;

// The element's value; of a text its length.
float value_at(const tensor::Tensor& tensor, std::size_t i) {
  const std::byte* data = tensor.data();
  const auto as = [&]<typename T>(T) { return static_cast<float>(reinterpret_cast<const T*>(data)[i]); };
  switch (tensor.type()) {
    case DataType::kBool:
    case DataType::kUint8:
      return as(std::uint8_t{});
    case DataType::kUint16:
      return as(std::uint16_t{});
    case DataType::kUint32:
      return as(std::uint32_t{});
    case DataType::kUint64:
      return as(std::uint64_t{});
    case DataType::kInt8:
      return as(std::int8_t{});
    case DataType::kInt16:
      return as(std::int16_t{});
    case DataType::kInt32:
      return as(std::int32_t{});
    case DataType::kInt64:
      return as(std::int64_t{});
    case DataType::kFp16:
      return tensor::fp16_to_float(reinterpret_cast<const std::uint16_t*>(data)[i]);
    case DataType::kBf16:
      return tensor::bf16_to_float(reinterpret_cast<const std::uint16_t*>(data)[i]);
    case DataType::kFp32:
      return as(float{});
    case DataType::kFp64:
      return as(double{});
    case DataType::kBytes:
      return static_cast<float>(tensor.strings()[i].size());
  }
  return 0;
}

std::size_t elements(const tensor::Tensor& tensor) {
  if (tensor.type() == DataType::kBytes) return tensor.strings().size();
  return tensor.byte_size() / tensor::element_size(tensor.type());
}

std::size_t classes_of(const request::ModelSignature& signature) {
  const request::TensorSpec& output = signature.outputs[static_cast<std::size_t>(signature.probabilities)];
  const std::size_t rank = output.shape.rank();
  if (!output.labels.empty()) return output.labels.size();
  const std::int64_t last = rank == 0 ? -1 : output.shape[rank - 1];
  return last > 0 ? static_cast<std::size_t>(last) : ClassDrift::kMostClasses;
}

// Where the first item's highest probability stands; nothing where there is none.
std::optional<std::size_t> first_class(const tensor::TensorView& view) {
  const std::size_t rank = view.shape.rank();
  if (rank == 0 || view.shape.elements().value_or(0) <= 0) return std::nullopt;
  const auto classes = static_cast<std::size_t>(view.shape[rank - 1]);
  const auto best = [&](const auto* values) {
    return static_cast<std::size_t>(std::max_element(values, values + classes) - values);
  };
  if (view.type == DataType::kFp32) return best(reinterpret_cast<const float*>(view.data));
  if (view.type == DataType::kFp64) return best(reinterpret_cast<const double*>(view.data));
  return std::nullopt;
}

}  // namespace

ModelQuality::ModelQuality(std::shared_ptr<const request::ModelSignature> signature, WindowSizes sizes)
    : signature_(std::move(signature)),
      inputs_(std::min(signature_->inputs.size(), kMostInputs), ValueDrift(sizes)) {
  if (signature_->classifies()) classes_.emplace(classes_of(*signature_), sizes);
}

void ModelQuality::add_inputs(const std::vector<tensor::Tensor>& inputs) {
  const std::lock_guard lock(mutex_);
  ++samples_;
  std::array<float, kValuesOfSample> values{};
  for (std::size_t i = 0; i < std::min(inputs.size(), inputs_.size()); ++i) {
    const std::size_t there = elements(inputs[i]);
    const std::size_t taken = std::min(there, kValuesOfSample);
    // Evenly over the whole, beginning elsewhere each time.
    const std::size_t stride = taken == 0 ? 1 : there / taken;
    const std::size_t first = samples_ % stride;
    for (std::size_t k = 0; k < taken; ++k) values[k] = value_at(inputs[i], first + k * stride);
    inputs_[i].add_sample(std::span(values).first(taken));
  }
}

void ModelQuality::add_answer(const request::InferenceResponse& response) {
  if (!classes_) return;
  const auto output = static_cast<std::size_t>(signature_->probabilities);
  if (output >= response.outputs.size()) return;
  const auto predicted = first_class(response.outputs[output]);
  if (!predicted) return;
  const std::lock_guard lock(mutex_);
  classes_->add(*predicted);
}

ModelQuality::InputFigures ModelQuality::input(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  const ValueDrift& input = inputs_[index];
  return {.drift = input.drift(), .mean = input.mean(), .deviation = input.deviation()};
}

std::optional<double> ModelQuality::output_drift() const {
  const std::lock_guard lock(mutex_);
  return classes_ ? classes_->drift() : std::nullopt;
}

std::uint64_t ModelQuality::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_;
}

}  // namespace saccade::quality
