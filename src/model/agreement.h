// Whether two runs came out the same, as far as that can be asked of floating-point arithmetic in another
// order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "request/model_signature.h"
#include "tensor/tensor.h"

namespace saccade::model {

// Same type, shape and values: floats to within a thousandth of the larger one or of 1, all else exactly.
// Half precision is too coarse to compare and always agrees.
bool same_values(const tensor::TensorView& a, const tensor::TensorView& b);

// What is different first, for people ("output \"p\": 0.25 against 0.5"); nothing where all outputs agree.
// `ports` names them, in their order.
std::optional<std::string> difference(const std::vector<request::TensorSpec>& ports,
                                      const engine::RunOutputs& a, const engine::RunOutputs& b);

// What two engines read of one file's ports, for people, where names, types or their order are not the same.
std::optional<std::string> difference(const engine::ModelFacts& a, const engine::ModelFacts& b);

}  // namespace saccade::model
