// Models that the tests of this room decode for and encode from.
#pragma once

#include <string>
#include <vector>

#include "request/model_signature.h"

namespace saccade::protocol {

inline request::ModelSignature model_of(std::vector<request::TensorSpec> inputs,
                                        std::int64_t max_batch_size) {
  request::ModelSignature model;
  model.name = "m";
  model.version = "1";
  model.inputs = std::move(inputs);
  model.max_batch_size = max_batch_size;
  return model;
}

inline request::ModelSignature model_of(tensor::DataType type, const tensor::Shape& shape,
                                        std::int64_t max = 4) {
  return model_of({{.name = "x", .type = type, .shape = shape, .labels = {}}}, max);
}

// Images of 2 × 3, at most four at once.
inline request::ModelSignature image_model() {
  return model_of(tensor::DataType::kFp32, {-1, 2, 3});
}
// Texts, one for each item.
inline request::ModelSignature text_model() {
  return model_of(tensor::DataType::kBytes, {-1, 1});
}

// Simdjson reads up to 64 bytes behind the text.
inline std::string padded(std::string_view json) {
  std::string text(json);
  text.reserve(text.size() + 64);
  return text;
}

}  // namespace saccade::protocol
