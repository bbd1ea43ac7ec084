// What a model takes and gives, as the transports need to know it to decode a request and to encode an
// answer. Constant once the model is loaded; read from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace saccade::request {

struct TensorSpec {
  std::string name;
  tensor::DataType type = tensor::DataType::kFp32;
  tensor::Shape shape;  // as a request carries it, the batch dimension first where the model batches
  std::vector<std::string>
      labels;  // of an output: the class at each index of the last dimension, may be empty
};

struct ModelSignature {
  std::string name;
  std::string version;
  std::string platform;  // "onnxruntime_onnx"
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  // Most items in one run; 0: the model has no batch dimension and each request runs alone.
  std::int64_t max_batch_size = 0;
  // The output that holds one probability per class, -1 where the model is no classifier.
  int probabilities = -1;
  // The output that holds the class itself (scikit-learn's exports have one), -1 where there is none.
  int predicted_label = -1;

  bool batches() const { return max_batch_size > 0; }
  bool classifies() const { return probabilities >= 0; }
  int find_input(std::string_view input) const {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].name == input) return static_cast<int>(i);
    }
    return -1;
  }
};

}  // namespace saccade::request
