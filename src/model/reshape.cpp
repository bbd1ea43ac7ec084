#include "model/reshape.h"

namespace saccade::model {

void reshape_input(const CompletedModel& model, std::size_t input, tensor::Tensor& tensor) {
  if (input >= model.input_reshapes.size()) return;
  const std::optional<tensor::Shape>& own = model.input_reshapes[input];
  if (!own) return;
  tensor::Shape shape = *own;
  // Free dimensions keep their order on both sides of a reshape.
  std::size_t next = 0;
  const tensor::Shape sent = tensor.shape();
  const tensor::Shape& declared = model.signature->inputs[input].shape;
  const std::size_t first = model.signature->batches() ? 1 : 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] >= 0) continue;
    while (first + next < declared.rank() && declared[first + next] >= 0) ++next;
    if (first + next < sent.rank()) shape[axis] = sent[first + next];
    ++next;
  }
  tensor.reshape(first == 1 ? shape.with_first(sent[0]) : shape);
}

}  // namespace saccade::model
