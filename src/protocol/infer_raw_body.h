// A request whose whole body is one tensor (Inference-Header-Content-Length: 0): raw elements without a
// shape, for a model with one input that has at most one free dimension besides the batch. BYTES: one string.
#pragma once

#include <string_view>

#include "base/error.h"
#include "protocol/infer_request.h"

namespace saccade::protocol {

// Pure function, safe from any thread. All outputs come back binary.
base::Result<InferRequest> decode_raw_body(std::string_view body, const request::ModelSignature& model,
                                           const request::SharedRegions& regions);

}  // namespace saccade::protocol
