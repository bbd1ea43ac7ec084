// The classification extension: instead of an output's values the highest of them, as strings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace saccade::protocol {

// The `most` highest values of each item, the highest first, equal ones in the order of their places, as
// "value:place" or "value:place:label". Everything behind the batch dimension counts as one list of places;
// not-a-numbers come last. Shape [batch, k], or [k] where the model does not batch. Numbers only.
tensor::Tensor classify(const tensor::TensorView& output, std::int64_t most,
                        const std::vector<std::string>& labels, bool batches);

}  // namespace saccade::protocol
