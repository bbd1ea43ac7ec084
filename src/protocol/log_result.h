// What the prediction log keeps of an answer of the inference protocol.
#pragma once

#include <string>
#include <string_view>

#include "request/inference_request.h"
#include "request/model_signature.h"

namespace saccade::protocol {

// Appends a JSON object. Of classifiers what /predict answers; of other models the outputs with name,
// datatype and shape, and with their values where all together have at most 64 elements: a row of the log
// stays small whatever a model gives.
void append_log_result(std::string& out, const request::InferenceResponse& response,
                       const request::ModelSignature& model);

// A decoded request's JSON as the log keeps it: NaN, Infinity and -Infinity, which the protocol takes and
// JSON lacks, become null.
std::string log_input(std::string_view json);

}  // namespace saccade::protocol
