#include "tensor/data_type.h"

#include <array>

namespace saccade::tensor {
namespace {

struct Entry {
  DataType type;
  std::string_view name;
  std::size_t size;
};

// In the order of the enumeration, so that a type is its own index.
constexpr std::array<Entry, 14> kEntries{{
    {DataType::kBool, "BOOL", 1},
    {DataType::kUint8, "UINT8", 1},
    {DataType::kUint16, "UINT16", 2},
    {DataType::kUint32, "UINT32", 4},
    {DataType::kUint64, "UINT64", 8},
    {DataType::kInt8, "INT8", 1},
    {DataType::kInt16, "INT16", 2},
    {DataType::kInt32, "INT32", 4},
    {DataType::kInt64, "INT64", 8},
    {DataType::kFp16, "FP16", 2},
    {DataType::kBf16, "BF16", 2},
    {DataType::kFp32, "FP32", 4},
    {DataType::kFp64, "FP64", 8},
    {DataType::kBytes, "BYTES", 0},
}};

}  // namespace

std::string_view data_type_name(DataType type) {
  return kEntries[static_cast<std::size_t>(type)].name;
}

std::optional<DataType> parse_data_type(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

std::size_t element_size(DataType type) {
  return kEntries[static_cast<std::size_t>(type)].size;
}

}  // namespace saccade::tensor
