// From the shape in which callers see an input to the model's own (a configured reshape).
#pragma once

#include "model/completion.h"

namespace saccade::model {

// Nothing happens to an input without a reshape.
void reshape_input(const CompletedModel& model, std::size_t input, tensor::Tensor& tensor);

}  // namespace saccade::model
