// The inputs of one request in the making, where each item brings a value of its own for each: values of one
// input are put one behind the other until all items are there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "request/model_signature.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

class V1Columns {
 public:
  explicit V1Columns(const request::ModelSignature& model) : model_(model), columns_(model.inputs.size()) {}

  bool has(std::size_t input) const { return columns_[input].count > items_; }
  // The value of the item under way; all of an input's must be shaped alike.
  base::Status add(std::size_t input, tensor::Tensor value);
  // The item under way is whole, or lacks an input.
  base::Status end_item();
  std::int64_t items() const { return items_; }

  // Each input with the items as its first dimension.
  std::vector<tensor::Tensor> take();

 private:
  struct Column {
    tensor::Shape item;
    std::vector<std::byte> bytes;
    std::vector<std::string> strings;
    std::int64_t count = 0;
  };

  const request::ModelSignature& model_;
  std::vector<Column> columns_;
  std::int64_t items_ = 0;
};

}  // namespace saccade::protocol
