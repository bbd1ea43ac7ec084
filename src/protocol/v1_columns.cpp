#include "protocol/v1_columns.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

namespace saccade::protocol {

base::Status V1Columns::add(std::size_t input, tensor::Tensor value) {
  Column& column = columns_[input];
  const std::string& name = model_.inputs[input].name;
  if (has(input)) return base::invalid_argument("input \"" + name + "\" is there twice");
  if (value.shape().rank() == tensor::Shape::kMaxRank) {
    return base::invalid_argument("input \"" + name + "\" is nested too deep");
  }
  if (column.count == 0) column.item = value.shape();
  if (value.shape() != column.item) {
    return base::invalid_argument("input \"" + name + "\" has the shape " + value.shape().text() +
                                  ", in those before " + column.item.text() + "; all must be alike");
  }
  if (value.type() == tensor::DataType::kBytes) {
    std::ranges::move(value.strings(), std::back_inserter(column.strings));
  } else {
    column.bytes.insert(column.bytes.end(), value.data(), value.data() + value.byte_size());
  }
  ++column.count;
  return {};
}

base::Status V1Columns::end_item() {
  for (std::size_t input = 0; input < columns_.size(); ++input) {
    if (!has(input)) return base::invalid_argument("input \"" + model_.inputs[input].name + "\" is missing");
  }
  ++items_;
  return {};
}

std::vector<tensor::Tensor> V1Columns::take() {
  std::vector<tensor::Tensor> inputs;
  for (std::size_t input = 0; input < columns_.size(); ++input) {
    Column& column = columns_[input];
    const tensor::Shape shape = column.item.with_first(column.count);
    const tensor::DataType type = model_.inputs[input].type;
    if (type == tensor::DataType::kBytes) {
      inputs.emplace_back(shape, std::move(column.strings));
      continue;
    }
    auto data = std::make_unique_for_overwrite<std::byte[]>(column.bytes.size());
    if (!column.bytes.empty()) std::memcpy(data.get(), column.bytes.data(), column.bytes.size());
    inputs.emplace_back(type, shape, std::move(data));
  }
  return inputs;
}

}  // namespace saccade::protocol
