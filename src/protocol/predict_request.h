// The body of /predict and of a WebSocket text message: a JSON object of inputs by name, in the shapes a
// person would send.
//
//   {"image": [[0, …], …]}           one item
//   {"image": [[[0, …], …], …]}      a list of items: a batch
//   {"text": "…", "id": "mine"}      with the sender's own id (a string or a number), echoed in the answer
//
// An input may leave out the batch dimension and dimensions of size one. Numbers must fit the input's type.
// Pure function: no I/O, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "request/model_signature.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

struct PredictRequest {
  std::vector<tensor::Tensor> inputs;  // in the order of the signature, shaped as the model takes them
  std::int64_t batch = 1;
  bool single = true;  // one item, not a list of one: the answer is one, not a list
  std::string id;      // as JSON ("\"mine\"" or "7"); empty where none was given
};

// `json` must be followed by 64 readable bytes. Errors (kInvalidArgument) name the input and the place in it.
base::Result<PredictRequest> decode_predict(std::string_view json, const request::ModelSignature& model);

// The `id` of a message that could not be decoded otherwise, so that its sender knows which one failed; empty
// where there is none to be found.
std::string find_id(std::string_view json);

// One item, or a batch of them, for a model with a single input, as raw little-endian elements row by row.
// BYTES: the whole is one string.
base::Result<PredictRequest> decode_raw(std::string_view bytes, const request::ModelSignature& model);

}  // namespace saccade::protocol
