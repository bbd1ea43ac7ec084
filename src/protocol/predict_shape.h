// How the shape a person sent fits the shape a model takes.
#pragma once

#include <cstdint>
#include <optional>

#include "request/model_signature.h"
#include "tensor/shape.h"

namespace saccade::protocol {

struct FittedShape {
  tensor::Shape shape;     // as the model takes it, same elements
  std::int64_t batch = 1;  // items
  bool single = true;      // one item without a batch dimension
};

// Tried in this order: the item itself, a list of items, and both again without regard to dimensions of size
// one. Nothing where none fits.
std::optional<FittedShape> fit_shape(const tensor::Shape& sent, const tensor::Shape& wanted, bool batches);

// "[28,28], or a list of such": for messages.
std::string describe_shape(const tensor::Shape& wanted, bool batches);

}  // namespace saccade::protocol
