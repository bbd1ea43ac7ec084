#include "tensor/shape.h"

#include <algorithm>

namespace saccade::tensor {

Shape::Shape(std::span<const std::int64_t> dims) : rank_(std::min(dims.size(), kMaxRank)) {
  std::copy_n(dims.begin(), rank_, dims_.begin());
}

Shape Shape::without_first() const {
  return rank_ == 0 ? Shape{} : Shape(dims().subspan(1));
}

Shape Shape::with_first(std::int64_t dim) const {
  Shape result;
  result.push_back(dim);
  for (std::size_t axis = 0; axis < rank_ && result.rank_ < kMaxRank; ++axis) result.push_back(dims_[axis]);
  return result;
}

std::optional<std::int64_t> Shape::elements() const {
  std::int64_t product = 1;
  bool overflow = false;
  bool empty = false;
  for (const std::int64_t dim : dims()) {
    if (dim < 0) return std::nullopt;
    empty |= dim == 0;
    if (dim != 0) overflow |= __builtin_mul_overflow(product, dim, &product);
  }
  if (overflow) return std::nullopt;
  return empty ? 0 : product;
}

bool Shape::has_free_dimension() const {
  return std::ranges::any_of(dims(), [](std::int64_t dim) { return dim < 0; });
}

bool Shape::accepts(const Shape& real) const {
  if (rank_ != real.rank_) return false;
  for (std::size_t axis = 0; axis < rank_; ++axis) {
    if (dims_[axis] >= 0 && dims_[axis] != real.dims_[axis]) return false;
  }
  return true;
}

std::string Shape::text() const {
  std::string text = "[";
  for (std::size_t axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ',';
    text += std::to_string(dims_[axis]);
  }
  return text + "]";
}

bool operator==(const Shape& a, const Shape& b) {
  return std::ranges::equal(a.dims(), b.dims());
}

}  // namespace saccade::tensor
