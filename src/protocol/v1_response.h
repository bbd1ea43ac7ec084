// The answers of TensorFlow Serving's and KServe v1's predictions.
//
//   {"predictions": [[0.1, …], …]}, {"predictions": [{"a": …, "b": …}, …]}    rows: one output, several
//   {"outputs": [[0.1, …], …]}, {"outputs": {"a": […], "b": […]}}             columns
//   {"results": [[["cat", 0.9], ["dog", 0.1]], …]}                            classes
//
// Outputs of strings whose name ends in "_bytes" are written as {"b64": "…"}. NaN, Infinity and -Infinity
// stand as these words, as TensorFlow Serving writes them: JSON has none for them. Pure functions, safe from
// any thread.
#pragma once

#include <string>

#include "base/error.h"
#include "request/inference_request.h"
#include "request/model_signature.h"

namespace saccade::protocol {

// Several outputs come in rows only where their first dimensions agree (kInvalidArgument otherwise).
base::Result<std::string> encode_v1_predict(const request::InferenceResponse& response,
                                            const request::ModelSignature& model, bool rows);

// Whether the model can classify, and if not, what it can do.
base::Status check_v1_classifier(const request::ModelSignature& model);
std::string encode_v1_classify(const request::InferenceResponse& response,
                               const request::ModelSignature& model);

// The answer of GET /v1/models/{model}/metadata.
std::string encode_v1_metadata(const request::ModelSignature& model);

}  // namespace saccade::protocol
