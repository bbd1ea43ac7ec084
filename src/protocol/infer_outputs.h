// The outputs of an answer as they were asked for, before they take either form of the protocol.
#pragma once

#include <deque>
#include <vector>

#include "base/error.h"
#include "protocol/infer_request.h"
#include "request/inference_request.h"
#include "request/model_signature.h"
#include "request/shared_regions.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

struct InferOutput {
  const RequestedOutput* asked = nullptr;
  const request::TensorSpec* spec = nullptr;
  tensor::TensorView tensor;  // the output itself, or its highest values as BYTES
};

// In the order of `asked`. What points into it, the request and the response is valid as long as all three.
class InferOutputs {
 public:
  InferOutputs(const request::InferenceResponse& response, const std::vector<RequestedOutput>& asked,
               const request::ModelSignature& model);

  const std::vector<InferOutput>& all() const { return outputs_; }

 private:
  std::vector<InferOutput> outputs_;
  std::deque<tensor::Tensor> classes_;
};

// Leaves an output in the region that it was asked into.
base::Status write_region(const InferOutput& output, const request::SharedRegions& regions);

}  // namespace saccade::protocol
