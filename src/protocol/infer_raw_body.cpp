#include "protocol/infer_raw_body.h"

#include <optional>
#include <utility>

#include "protocol/binary_tensor.h"
#include "protocol/infer_inputs.h"

namespace saccade::protocol {
namespace {

// The shape of a raw body's tensor: one item, with whatever size of one free dimension makes the bytes fit.
base::Result<tensor::Shape> raw_shape(std::string_view body, const request::TensorSpec& spec, bool batches) {
  tensor::Shape shape = spec.shape;
  if (batches) shape[0] = 1;
  std::size_t known = tensor::element_size(spec.type);
  std::optional<std::size_t> free;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] >= 0) {
      known *= static_cast<std::size_t>(shape[axis]);
    } else if (free) {
      return base::invalid_argument(input_name(spec.name) + " takes " + spec.shape.text() +
                                    ", which a raw body does not tell: send \"shape\" in JSON");
    } else {
      free = axis;
    }
  }
  if (free) shape[*free] = known == 0 ? 0 : static_cast<std::int64_t>(body.size() / known);
  return shape;
}

}  // namespace

base::Result<InferRequest> decode_raw_body(std::string_view body, const request::ModelSignature& model,
                                           const request::SharedRegions& regions) {
  if (model.inputs.size() != 1) {
    return base::invalid_argument(
        "a raw body (Inference-Header-Content-Length: 0) is for models with one input; "
        "model \"" +
        model.name + "\" has " + std::to_string(model.inputs.size()));
  }
  const request::TensorSpec& spec = model.inputs.front();
  InferInputs inputs(model, regions);
  if (const auto place = inputs.place(spec.name); !place) return std::unexpected(place.error());
  if (spec.type == tensor::DataType::kBytes) {
    const tensor::Shape one = model.batches() ? tensor::Shape{1, 1} : tensor::Shape{1};
    if (!spec.shape.accepts(one)) {
      return base::invalid_argument(input_name(spec.name) + " takes " + spec.shape.text() +
                                    "; a raw body is one string: send JSON");
    }
    inputs.set(0, tensor::Tensor(one, {std::string(body)}));
    return inputs.finish(true, true);
  }
  const auto shape = raw_shape(body, spec, model.batches());
  if (!shape) return std::unexpected(shape.error());
  auto tensor = tensor_of_bytes(body, spec.name, spec.type, *shape);
  if (!tensor) return std::unexpected(std::move(tensor.error()));
  inputs.set(0, *std::move(tensor));
  return inputs.finish(true, true);
}

}  // namespace saccade::protocol
