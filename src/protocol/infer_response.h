// The answer to an inference request of the Open Inference Protocol, in both of its forms.
//
// Pure functions, safe from any thread; outputs that were asked into shared memory are written through
// `regions`.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "protocol/infer_request.h"
#include "request/inference_request.h"
#include "request/model_signature.h"

namespace inference {
class ModelInferResponse;
}

namespace saccade::protocol {

struct EncodedInfer {
  std::string body;
  std::optional<std::size_t> json_bytes;  // set where binary tensors follow the JSON
};

// `asked`: of the request's InferRequest. `client_id`: echoed; empty: none was given.
base::Result<EncodedInfer> encode_infer_json(const request::InferenceResponse& response,
                                             const std::vector<RequestedOutput>& asked,
                                             std::string_view client_id, const request::ModelSignature& model,
                                             const request::SharedRegions& regions);

// Outputs go into raw_output_contents (classification: BYTES, raw too).
base::Status encode_infer_message(const request::InferenceResponse& response,
                                  const std::vector<RequestedOutput>& asked, std::string_view client_id,
                                  const request::ModelSignature& model, const request::SharedRegions& regions,
                                  inference::ModelInferResponse& message);

}  // namespace saccade::protocol
