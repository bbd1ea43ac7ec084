#include "tensor/tensor.h"

namespace saccade::tensor {

TensorView TensorView::rows(std::int64_t first, std::int64_t count) const {
  TensorView part = *this;
  part.shape[0] = count;
  const auto row = static_cast<std::size_t>(shape.without_first().elements().value_or(0));
  const std::size_t skip = static_cast<std::size_t>(first) * row;
  if (data != nullptr) part.data = data + skip * element_size(type);
  if (strings != nullptr) part.strings = strings + skip;
  return part;
}

Tensor::Tensor(DataType type, const Shape& shape) : type_(type), shape_(shape) {
  const auto elements = static_cast<std::size_t>(shape.elements().value_or(0));
  if (type == DataType::kBytes) {
    strings_.resize(elements);
  } else {
    size_ = elements * element_size(type);
    data_ = std::make_unique_for_overwrite<std::byte[]>(size_);
  }
}

Tensor::Tensor(DataType type, const Shape& shape, std::unique_ptr<std::byte[]> data)
    : type_(type),
      shape_(shape),
      size_(static_cast<std::size_t>(shape.elements().value_or(0)) * element_size(type)),
      data_(std::move(data)) {}

Tensor::Tensor(const Shape& shape, std::vector<std::string> strings)
    : type_(DataType::kBytes), shape_(shape), strings_(std::move(strings)) {}

std::vector<TensorView> views_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorView> views;
  views.reserve(tensors.size());
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

}  // namespace saccade::tensor
