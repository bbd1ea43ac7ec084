#include "protocol/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <type_traits>

namespace saccade::protocol {
namespace {

using tensor::DataType;

template <typename T>
bool above(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(b)) return !std::isnan(a);
  }
  return a > b;
}

template <typename T>
void append_highest(std::vector<std::string>& out, std::span<const T> values, std::size_t count,
                    const std::vector<std::string>& labels) {
  std::vector<std::size_t> places(values.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::partial_sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count), places.end(),
                    [values](std::size_t a, std::size_t b) {
                      if (above(values[a], values[b])) return true;
                      return !above(values[b], values[a]) && a < b;
                    });
  for (const std::size_t place : std::span(places).first(count)) {
    // As the protocol's clients know it: six digits behind the point of a float.
    std::string text = std::to_string(values[place]) + ":" + std::to_string(place);
    if (place < labels.size() && !labels[place].empty()) text += ":" + labels[place];
    out.push_back(std::move(text));
  }
}

template <typename T>
tensor::Tensor highest(const tensor::TensorView& output, std::int64_t most,
                       const std::vector<std::string>& labels, bool batches) {
  const std::span<const T> values = output.as<T>();
  const std::int64_t items = batches && output.shape.rank() > 0 ? output.shape[0] : 1;
  const std::size_t each = items == 0 ? 0 : values.size() / static_cast<std::size_t>(items);
  const std::size_t count = std::min(each, static_cast<std::size_t>(most));
  std::vector<std::string> strings;
  strings.reserve(count * static_cast<std::size_t>(items));
  for (std::size_t item = 0; item < static_cast<std::size_t>(items); ++item) {
    append_highest(strings, values.subspan(item * each, each), count, labels);
  }
  tensor::Shape shape;
  if (batches) shape.push_back(items);
  shape.push_back(static_cast<std::int64_t>(count));
  return {shape, std::move(strings)};
}

}  // namespace

tensor::Tensor classify(const tensor::TensorView& output, std::int64_t most,
                        const std::vector<std::string>& labels, bool batches) {
  switch (output.type) {
    case DataType::kUint8:
      return highest<std::uint8_t>(output, most, labels, batches);
    case DataType::kUint16:
      return highest<std::uint16_t>(output, most, labels, batches);
    case DataType::kUint32:
      return highest<std::uint32_t>(output, most, labels, batches);
    case DataType::kUint64:
      return highest<std::uint64_t>(output, most, labels, batches);
    case DataType::kInt8:
      return highest<std::int8_t>(output, most, labels, batches);
    case DataType::kInt16:
      return highest<std::int16_t>(output, most, labels, batches);
    case DataType::kInt32:
      return highest<std::int32_t>(output, most, labels, batches);
    case DataType::kInt64:
      return highest<std::int64_t>(output, most, labels, batches);
    case DataType::kFp32:
      return highest<float>(output, most, labels, batches);
    case DataType::kFp64:
      return highest<double>(output, most, labels, batches);
    case DataType::kBool:
    case DataType::kFp16:
    case DataType::kBf16:
    case DataType::kBytes:
      break;  // refused with the request
  }
  return {tensor::Shape{0}, std::vector<std::string>{}};
}

}  // namespace saccade::protocol
