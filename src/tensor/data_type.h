// Element types, under the names of the Open Inference Protocol (KServe v2, "Tensor Data Types").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace saccade::tensor {

enum class DataType : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kBytes,  // strings of bytes, each of its own length
};

// "FP32", "BYTES", …
std::string_view data_type_name(DataType type);
std::optional<DataType> parse_data_type(std::string_view name);

// Bytes per element; 0 for kBytes, whose elements have no common size.
std::size_t element_size(DataType type);

}  // namespace saccade::tensor
