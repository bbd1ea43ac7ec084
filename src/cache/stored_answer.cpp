#include "cache/stored_answer.h"

#include <algorithm>
#include <cstring>

namespace saccade::cache {
namespace {

tensor::Tensor copy(const tensor::TensorView& view) {
  if (view.type == tensor::DataType::kBytes) {
    const auto texts = view.texts();
    return {view.shape, std::vector<std::string>(texts.begin(), texts.end())};
  }
  tensor::Tensor tensor(view.type, view.shape);
  if (tensor.byte_size() > 0) std::memcpy(tensor.data(), view.data, tensor.byte_size());
  return tensor;
}

}  // namespace

StoredAnswer::StoredAnswer(std::vector<tensor::Tensor> outputs, base::TimePoint made, base::Duration lifetime)
    : outputs_(std::move(outputs)), made_(made), lifetime_(lifetime) {
  bytes_ = sizeof(StoredAnswer) + outputs_.size() * sizeof(tensor::Tensor);
  for (const tensor::Tensor& output : outputs_) {
    bytes_ += output.byte_size();
    for (const std::string& text : output.strings()) bytes_ += sizeof(std::string) + text.capacity();
  }
}

AnswerPointer StoredAnswer::copy_of(const request::InferenceResponse& response, base::TimePoint made,
                                    base::Duration lifetime) {
  std::vector<tensor::Tensor> outputs;
  outputs.reserve(response.outputs.size());
  for (const tensor::TensorView& view : response.outputs) outputs.push_back(copy(view));
  return std::make_shared<const StoredAnswer>(std::move(outputs), made, lifetime);
}

request::InferenceResponse StoredAnswer::respond(const AnswerPointer& answer, base::TimePoint now) {
  request::InferenceResponse response;
  response.outputs.reserve(answer->outputs_.size());
  for (const tensor::Tensor& output : answer->outputs_) response.outputs.push_back(output.view());
  response.owner = answer;
  response.freshness = {.lifetime = answer->lifetime_,
                        .age = std::max<base::Duration>(now - answer->made_, base::Duration{0}),
                        .hit = true};
  return response;
}

}  // namespace saccade::cache
