// Tensors: `Tensor` owns its elements, `TensorView` looks at somebody else's. Elements lie dense, row by row,
// in the machine's (little-endian) order; BOOL is one byte; BYTES are std::strings.
//
// Neither is synchronised: one thread at a time writes a Tensor; any number may read it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace saccade::tensor {

struct TensorView {
  DataType type = DataType::kFp32;
  Shape shape;
  const std::byte* data = nullptr;       // every type but BYTES
  const std::string* strings = nullptr;  // BYTES

  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data), static_cast<std::size_t>(shape.elements().value_or(0))};
  }
  // One of them, without asking how many there are.
  template <typename T>
  const T& at(std::size_t index) const {
    return reinterpret_cast<const T*>(data)[index];
  }
  std::span<const std::string> texts() const {
    return {strings, static_cast<std::size_t>(shape.elements().value_or(0))};
  }
  std::size_t byte_size() const {
    return static_cast<std::size_t>(shape.elements().value_or(0)) * element_size(type);
  }
  // Rows [first, first + count) along the first dimension.
  TensorView rows(std::int64_t first, std::int64_t count) const;
};

class Tensor {
 public:
  Tensor() = default;
  // Elements are not set to anything (BYTES: empty strings). The shape must have no free dimension.
  Tensor(DataType type, const Shape& shape);
  // Takes elements that are there already; their number must be that of the shape.
  Tensor(DataType type, const Shape& shape, std::unique_ptr<std::byte[]> data);
  Tensor(const Shape& shape, std::vector<std::string> strings);

  DataType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::size_t byte_size() const { return size_; }
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::vector<std::string>& strings() { return strings_; }
  const std::vector<std::string>& strings() const { return strings_; }

  template <typename T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data_.get()), size_ / sizeof(T)};
  }
  // Another shape over the same elements; the number of elements must agree.
  void reshape(const Shape& shape) { shape_ = shape; }
  TensorView view() const { return {type_, shape_, data_.get(), strings_.data()}; }

 private:
  DataType type_ = DataType::kFp32;
  Shape shape_;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> data_;
  std::vector<std::string> strings_;
};

// In the same order; valid as long as the tensors.
std::vector<TensorView> views_of(const std::vector<Tensor>& tensors);

}  // namespace saccade::tensor
