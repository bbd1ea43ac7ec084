// The inputs and outputs of one inference request, put together from whatever form they travel in. Everything
// that is checked in both forms is checked here: names, datatypes, shapes, the batch, which outputs can be
// asked for how.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "protocol/infer_parameters.h"
#include "protocol/infer_request.h"
#include "request/model_signature.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

// `input "image"`, `output "class"`: as messages call them.
std::string input_name(std::string_view name);
std::string output_name(std::string_view name);

class InferInputs {
 public:
  InferInputs(const request::ModelSignature& model, const request::SharedRegions& regions);

  // The place of an input in the signature. Each is to be asked for once.
  base::Result<std::size_t> place(std::string_view name);
  // The shape that was sent, if it and the datatype are what the model takes.
  base::Result<tensor::Shape> check(std::size_t input, std::string_view datatype,
                                    std::span<const std::int64_t> dims);
  void set(std::size_t input, tensor::Tensor tensor);
  // Of an input in shared memory.
  base::Status set_from_region(std::size_t input, const request::RegionSlice& slice,
                               const tensor::Shape& shape);

  // What a requested output's parameters ask for. One that is asked for twice comes once, as asked first.
  base::Status add_output(std::string_view name, const TensorParameters& parameters);

  // `all_binary`: how outputs come where none was named. `json`: those that are not binary come as JSON,
  // which has no form for some types.
  base::Result<InferRequest> finish(bool all_binary, bool json);

 private:
  base::Status check_batch(std::size_t input, const tensor::Shape& shape);
  base::Status check_output(const RequestedOutput& asked, bool json) const;

  const request::ModelSignature& model_;
  const request::SharedRegions& regions_;
  InferRequest request_;
  std::vector<bool> seen_;
  int first_ = -1;  // the input that said how large the batch is
};

}  // namespace saccade::protocol
