#include "protocol/json_tensor.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tensor/half.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;
namespace ondemand = simdjson::ondemand;

constexpr std::size_t kMaxRank = tensor::Shape::kMaxRank;

// Elements as they are read, growing; their number is known only at the end.
class Elements {
 public:
  Elements(std::size_t element_size, std::size_t expected)
      : size_(element_size), capacity_(expected), data_(std::make_unique_for_overwrite<std::byte[]>(size_ * expected)) {}

  template <typename T>
  void push(T value) {
    if (count_ == capacity_) grow();
    std::memcpy(data_.get() + count_ * sizeof(T), &value, sizeof(T));
    ++count_;
  }
  std::unique_ptr<std::byte[]> release() { return std::move(data_); }

 private:
  void grow() {
    const std::size_t capacity = capacity_ * 2 + 16;
    auto data = std::make_unique_for_overwrite<std::byte[]>(capacity * size_);
    if (count_ > 0) std::memcpy(data.get(), data_.get(), count_ * size_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::size_t size_;
  std::size_t count_ = 0;
  std::size_t capacity_;
  std::unique_ptr<std::byte[]> data_;
};

class Reader {
 public:
  Reader(std::string_view name, DataType type, std::size_t expected)
      : name_(name), type_(type), elements_(tensor::element_size(type), type == DataType::kBytes ? 0 : expected) {}

  base::Status read(ondemand::value value) { return level(value, 0); }

  tensor::Tensor finish() {
    tensor::Shape shape;
    for (std::size_t axis = 0; axis < rank_; ++axis) shape.push_back(dims_[axis]);
    if (type_ == DataType::kBytes) return {shape, std::move(strings_)};
    return {type_, shape, elements_.release()};
  }

 private:
  static constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

  base::Status level(ondemand::value value, std::size_t depth) {
    ondemand::json_type kind{};
    if (const auto error = value.type().get(kind)) return json_error(error, depth);
    if (kind != ondemand::json_type::array) {
      if (rank_ == kUnknown) rank_ = depth;
      if (depth != rank_) return wrong("has a single value where the first rows have lists", depth);
      return element(value, depth);
    }
    if (rank_ != kUnknown && depth >= rank_) return wrong("has a list where the first rows have single values", depth);
    if (depth == kMaxRank) return wrong("is nested deeper than " + std::to_string(kMaxRank) + " levels", depth);
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return json_error(error, depth);
    return depth + 1 == rank_ ? row(array, depth) : rows(array, depth);
  }

  base::Status rows(ondemand::array array, std::size_t depth) {
    std::int64_t count = 0;
    for (auto item : array) {
      ondemand::value value;
      if (const auto error = std::move(item).get(value)) return json_error(error, depth);
      index_[depth] = count;
      if (base::Status read = level(value, depth + 1); !read) return read;
      ++count;
    }
    return close(count, depth);
  }

  // The innermost lists, where nearly all the time is spent.
  base::Status row(ondemand::array array, std::size_t depth) {
    std::int64_t count = 0;
    for (auto item : array) {
      ondemand::value value;
      if (const auto error = std::move(item).get(value)) return json_error(error, depth);
      index_[depth] = count;
      if (base::Status read = element(value, depth + 1); !read) return read;
      ++count;
    }
    return close(count, depth);
  }

  // Every list at one depth has as many items as the first one there.
  base::Status close(std::int64_t count, std::size_t depth) {
    if (count == 0 && rank_ == kUnknown) rank_ = depth + 1;
    if (dims_[depth] < 0) dims_[depth] = count;
    if (dims_[depth] == count) return {};
    return wrong("has " + std::to_string(count) + " items in one list and " + std::to_string(dims_[depth]) +
                     " in another beside it; all must be as long",
                 depth);
  }

  base::Status element(ondemand::value value, std::size_t depth) {
    switch (type_) {
      case DataType::kFp32: return real<float>(value, depth);
      case DataType::kFp64: return real<double>(value, depth);
      case DataType::kFp16: return real<float>(value, depth, tensor::float_to_fp16, 65'504.0);
      case DataType::kBf16: return real<float>(value, depth, tensor::float_to_bf16, 3.38953e38);
      case DataType::kInt8: return whole<std::int8_t>(value, depth);
      case DataType::kInt16: return whole<std::int16_t>(value, depth);
      case DataType::kInt32: return whole<std::int32_t>(value, depth);
      case DataType::kInt64: return whole<std::int64_t>(value, depth);
      case DataType::kUint8: return whole<std::uint8_t>(value, depth);
      case DataType::kUint16: return whole<std::uint16_t>(value, depth);
      case DataType::kUint32: return whole<std::uint32_t>(value, depth);
      case DataType::kUint64: return whole<std::uint64_t>(value, depth);
      case DataType::kBool: return truth(value, depth);
      case DataType::kBytes: return text(value, depth);
    }
    return {};
  }

  template <typename T>
  base::Status real(ondemand::value value, std::size_t depth) {
    // Whole numbers are read three times as fast as such; a value is taken for the kind that the last one was.
    std::uint64_t whole_number = 0;
    if (expect_whole_ && !value.get_uint64().get(whole_number)) {
      elements_.push(static_cast<T>(whole_number));
      return {};
    }
    double number = 0;
    if (value.get_double().get(number)) return not_a(value, "a number", depth);
    if (!std::isfinite(number) || std::abs(number) > static_cast<double>(std::numeric_limits<T>::max())) {
      return out_of_range(depth);
    }
    expect_whole_ = number == std::trunc(number);
    elements_.push(static_cast<T>(number));
    return {};
  }
  template <typename T>
  base::Status real(ondemand::value value, std::size_t depth, std::uint16_t (*convert)(float), double most) {
    double number = 0;
    if (value.get_double().get(number)) return not_a(value, "a number", depth);
    if (!std::isfinite(number) || std::abs(number) > most) return out_of_range(depth);
    elements_.push(convert(static_cast<float>(number)));
    return {};
  }
  template <typename T>
  base::Status whole(ondemand::value value, std::size_t depth) {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      std::uint64_t number = 0;
      if (value.get_uint64().get(number)) return not_a(value, "a whole number from 0", depth);
      elements_.push(number);
    } else {
      std::int64_t number = 0;
      if (value.get_int64().get(number)) return not_a(value, "a whole number", depth);
      if (!std::in_range<T>(number)) return out_of_range(depth);
      elements_.push(static_cast<T>(number));
    }
    return {};
  }
  base::Status truth(ondemand::value value, std::size_t depth) {
    bool flag = false;
    std::int64_t number = 0;
    if (!value.get_bool().get(flag)) {
      elements_.push(static_cast<std::uint8_t>(flag));
    } else if (!value.get_int64().get(number) && (number == 0 || number == 1)) {
      elements_.push(static_cast<std::uint8_t>(number));
    } else {
      return not_a(value, "true or false", depth);
    }
    return {};
  }
  base::Status text(ondemand::value value, std::size_t depth) {
    std::string_view string;
    if (value.get_string().get(string)) return not_a(value, "a string", depth);
    strings_.emplace_back(string);
    return {};
  }

  // "input "image" at [3][27] …"
  base::Status wrong(const std::string& what, std::size_t depth) const {
    std::string message = "input \"" + std::string(name_) + "\"";
    if (depth > 0) {
      message += " at ";
      for (std::size_t axis = 0; axis < depth; ++axis) message += "[" + std::to_string(index_[axis]) + "]";
    }
    return base::invalid_argument(message + " " + what);
  }
  base::Status out_of_range(std::size_t depth) const {
    return wrong("is out of the range of " + std::string(tensor::data_type_name(type_)), depth);
  }
  base::Status not_a(ondemand::value value, const char* wanted, std::size_t depth) const {
    std::string_view token = value.raw_json_token();
    while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
    return wrong("must be " + std::string(wanted) + " (" + std::string(tensor::data_type_name(type_)) + "), got " +
                     std::string(token.substr(0, 40)),
                 depth);
  }
  base::Status json_error(simdjson::error_code error, std::size_t depth) const {
    return wrong(std::string("is not valid JSON: ") + simdjson::error_message(error), depth);
  }

  std::string_view name_;
  DataType type_;
  Elements elements_;
  std::vector<std::string> strings_;
  bool expect_whole_ = true;
  std::size_t rank_ = kUnknown;
  std::array<std::int64_t, kMaxRank + 1> dims_{-1, -1, -1, -1, -1, -1, -1, -1, -1};
  std::array<std::int64_t, kMaxRank + 1> index_{};
};

}  // namespace

base::Result<tensor::Tensor> read_tensor(ondemand::value value, std::string_view name, DataType type,
                                         std::int64_t expected_elements) {
  Reader reader(name, type, static_cast<std::size_t>(expected_elements));
  if (base::Status read = reader.read(value); !read) return std::unexpected(read.error());
  return reader.finish();
}

}  // namespace saccade::protocol
