// Shapes: up to eight dimensions held in place, -1 for a free one. Shapes of real tensors have no free
// dimension.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

namespace saccade::tensor {

class Shape {
 public:
  static constexpr std::size_t kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  // Dimensions past kMaxRank are not kept; callers check the rank first where it comes from outside.
  explicit Shape(std::span<const std::int64_t> dims);

  std::size_t rank() const { return rank_; }
  std::int64_t operator[](std::size_t axis) const { return dims_[axis]; }
  std::int64_t& operator[](std::size_t axis) { return dims_[axis]; }
  std::span<const std::int64_t> dims() const { return {dims_.data(), rank_}; }
  void push_back(std::int64_t dim) { dims_[rank_++] = dim; }

  // The same shape without its first dimension, or with another one in front.
  Shape without_first() const;
  Shape with_first(std::int64_t dim) const;

  // Number of elements; nothing if a dimension is free or the product overflows 63 bits.
  std::optional<std::int64_t> elements() const;
  bool has_free_dimension() const;
  // Whether a real shape fits this one, whose free dimensions take any size.
  bool accepts(const Shape& real) const;

  std::string text() const;  // "[-1,28,28]"
  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<std::int64_t, kMaxRank> dims_{};
  std::size_t rank_ = 0;
};

}  // namespace saccade::tensor
