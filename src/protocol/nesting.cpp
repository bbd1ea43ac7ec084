#include "protocol/nesting.h"

namespace saccade::protocol {

base::Status Nesting::value_at(std::size_t depth) {
  if (rank_ == kUnknown) rank_ = depth;
  if (depth == rank_) return {};
  return wrong("has a single value where the first rows have lists", depth);
}

base::Status Nesting::list_at(std::size_t depth) {
  if (rank_ != kUnknown && depth >= rank_) {
    return wrong("has a list where the first rows have single values", depth);
  }
  if (depth < kMaxRank) return {};
  return wrong("is nested deeper than " + std::to_string(kMaxRank) + " levels", depth);
}

base::Status Nesting::end_list(std::size_t depth, std::int64_t count) {
  if (count == 0 && rank_ == kUnknown) rank_ = depth + 1;
  if (dims_[depth] < 0) dims_[depth] = count;
  if (dims_[depth] == count) return {};
  return wrong("has " + std::to_string(count) + " items in one list and " + std::to_string(dims_[depth]) +
                   " in another beside it; all must be as long",
               depth);
}

tensor::Shape Nesting::shape() const {
  tensor::Shape shape;
  for (std::size_t axis = 0; axis < rank_; ++axis) shape.push_back(dims_[axis]);
  return shape;
}

base::Status Nesting::wrong(const std::string& what, std::size_t depth) const {
  std::string message = "input \"" + std::string(name_) + "\"";
  if (depth > 0) {
    message += " at ";
    for (std::size_t axis = 0; axis < depth; ++axis) message += "[" + std::to_string(index_[axis]) + "]";
  }
  return base::invalid_argument(message + " " + what);
}

base::Status Nesting::out_of_range(std::size_t depth) const {
  return wrong("is out of the range of " + std::string(tensor::data_type_name(type_)), depth);
}

base::Status Nesting::not_a(std::string_view wanted, std::string_view got, std::size_t depth) const {
  while (!got.empty() && static_cast<unsigned char>(got.back()) <= ' ') got.remove_suffix(1);
  return wrong("must be " + std::string(wanted) + " (" + std::string(tensor::data_type_name(type_)) +
                   "), got " + std::string(got.substr(0, 40)),
               depth);
}

base::Status Nesting::not_json(std::string_view reason, std::size_t depth) const {
  return wrong("is not valid JSON: " + std::string(reason), depth);
}

}  // namespace saccade::protocol
