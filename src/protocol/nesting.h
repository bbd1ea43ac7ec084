// The shape of nested lists, found while they are read: every list at one depth must be as long as the others
// there, and values must all lie at the same depth. Says where in the input something is wrong.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/error.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace saccade::protocol {

class Nesting {
 public:
  Nesting(std::string_view name, tensor::DataType type) : name_(name), type_(type) { dims_.fill(-1); }

  // A single value begins at this depth; a list begins.
  base::Status value_at(std::size_t depth);
  base::Status list_at(std::size_t depth);
  // The item under way in the list at this depth, for messages.
  void item(std::size_t depth, std::int64_t index) { index_[depth] = index; }
  // A list ends with so many items.
  base::Status end_list(std::size_t depth, std::int64_t count);
  // Whether the items of a list at this depth are known to be values: nothing about them needs to be asked
  // again.
  bool holds_values(std::size_t depth) const { return depth + 1 == rank_; }

  tensor::Shape shape() const;

  // `input "image" at [3][27] …`
  base::Status wrong(const std::string& what, std::size_t depth) const;
  base::Status out_of_range(std::size_t depth) const;
  base::Status not_a(std::string_view wanted, std::string_view got, std::size_t depth) const;
  base::Status not_json(std::string_view reason, std::size_t depth) const;

 private:
  static constexpr std::size_t kMaxRank = tensor::Shape::kMaxRank;
  static constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

  std::string_view name_;
  tensor::DataType type_;
  std::size_t rank_ = kUnknown;
  std::array<std::int64_t, kMaxRank + 1> dims_{};
  std::array<std::int64_t, kMaxRank + 1> index_{};
};

}  // namespace saccade::protocol
