// The answer of /predict and of a WebSocket message, as JSON.
//
// A classifier:    {"prediction": "7", "class": 7, "confidence": 0.998}   ["probabilities": {"0": …}]
//    and a batch:  {"predictions": [{…}, …]}
// Any other model: {"outputs": {"name": …}}
// followed by "model", "version", "request_id", "timestamp" (seconds since 1970) and the sender's "id".
// Pure functions, safe from any thread.
#pragma once

#include <string>

#include "base/uuid.h"
#include "request/inference_request.h"
#include "request/model_signature.h"

namespace saccade::protocol {

struct ResultOptions {
  bool single = true;          // one item: no list around it
  bool probabilities = false;  // one per class too
};

// The members that hold the result, without the braces around them: what the prediction log keeps, too.
void append_result(std::string& out, const request::InferenceResponse& response,
                   const request::ModelSignature& model, const ResultOptions& options);

// Seconds since 1970 with six digits behind the point.
void append_timestamp(std::string& out, std::int64_t unix_micros);

struct Envelope {
  base::Uuid request_id;  // all zero: neither it nor the time is said, so that equal results are equal bytes
  std::int64_t unix_micros = 0;
  std::string_view client_id;  // as JSON; empty: none
};

// The whole answer around a result.
std::string wrap_result(std::string_view result, const request::ModelSignature& model,
                        const Envelope& envelope);

}  // namespace saccade::protocol
