// The bodies of TensorFlow Serving's and KServe v1's predictions.
//
//   {"instances": [[0, …], …]}                     rows, for a model with a single input
//   {"instances": [{"a": 1, "b": "x"}, …]}         rows with the inputs by name
//   {"inputs": [[0, …], …]}, {"inputs": {"a": [1, …], "b": ["x", …]}}     columns
//   {"examples": [{"a": [1]}, …], "context": {"b": ["x"]}}                 to classify
//
// In all of them what stands in the first list are the items of a batch. Strings may be {"b64": "…"}. An item
// may leave out dimensions of size one. Members that are not known are passed over, as TensorFlow Serving
// does. Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "request/model_signature.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

// The only signature that a model has here.
inline constexpr std::string_view kV1Signature = "serving_default";

struct V1Request {
  std::vector<tensor::Tensor> inputs;  // in the order of the signature, shaped as the model takes them
  std::int64_t batch = 1;
  bool rows = true;  // "instances": the answer comes in rows too
};

// `json` must be followed by 64 readable bytes. Errors (kInvalidArgument) name the input and the place in it.
base::Result<V1Request> decode_v1_predict(std::string_view json, const request::ModelSignature& model);
// A feature may be a flat list of the item's elements, as TensorFlow's examples have them.
base::Result<V1Request> decode_v1_classify(std::string_view json, const request::ModelSignature& model);

}  // namespace saccade::protocol
