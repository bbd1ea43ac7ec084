// An inference request of the Open Inference Protocol (KServe v2, with Triton's extensions), as both of its
// forms say it: JSON with binary tensors behind it (REST), or a protobuf message (gRPC).
//
// Pure functions, safe from any thread; tensors in shared memory are read through `regions`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "request/inference_request.h"
#include "request/model_signature.h"
#include "request/shared_regions.h"

namespace inference {
class ModelInferRequest;
}

namespace saccade::protocol {

struct RequestedOutput {
  int index = 0;                    // in the signature
  bool binary = false;              // REST: raw bytes behind the JSON
  std::int64_t classification = 0;  // the k highest instead of the values; 0: the values
  std::optional<request::RegionSlice> shared_memory;
};

struct InferRequest {
  request::InferenceRequest inference;   // inputs, batch, client_id, priority and queue_timeout are set
  std::vector<RequestedOutput> outputs;  // in the model's order; all of them where none is named
  bool empty_final_response = false;     // gRPC streams: parameter triton_enable_empty_final_response
};

// `body`: JSON, and behind its first `json_bytes` the binary tensors in the order of the JSON. json_bytes 0:
// the whole is one raw tensor for a model with one input. Followed by 64 readable bytes.
// Errors (kInvalidArgument) name the field or input, what was wrong and what would be right.
base::Result<InferRequest> decode_infer_json(std::string_view body, std::size_t json_bytes,
                                             const request::ModelSignature& model,
                                             const request::SharedRegions& regions);

base::Result<InferRequest> decode_infer_message(const inference::ModelInferRequest& message,
                                                const request::ModelSignature& model,
                                                const request::SharedRegions& regions);

}  // namespace saccade::protocol
