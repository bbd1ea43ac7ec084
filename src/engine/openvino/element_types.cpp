#include "engine/openvino/element_types.h"

#include <array>
#include <utility>

namespace saccade::engine::openvino {
namespace {

using tensor::DataType;

constexpr std::array<std::pair<DataType, ov_element_type_e>, 13> kPairs{{
    {DataType::kBool, BOOLEAN},
    {DataType::kUint8, U8},
    {DataType::kUint16, U16},
    {DataType::kUint32, U32},
    {DataType::kUint64, U64},
    {DataType::kInt8, I8},
    {DataType::kInt16, I16},
    {DataType::kInt32, I32},
    {DataType::kInt64, I64},
    {DataType::kFp16, F16},
    {DataType::kBf16, BF16},
    {DataType::kFp32, F32},
    {DataType::kFp64, F64},
}};

}  // namespace

std::optional<DataType> from_openvino(ov_element_type_e type) {
  for (const auto& [ours, theirs] : kPairs) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

std::optional<ov_element_type_e> to_openvino(DataType type) {
  for (const auto& [ours, theirs] : kPairs) {
    if (ours == type) return theirs;
  }
  return std::nullopt;
}

std::string describe(ov_element_type_e type) {
  if (type == STRING) return "texts";
  if (type == DYNAMIC) return "elements whose type is not known before it runs";
  return "elements of OpenVINO's type " + std::to_string(static_cast<int>(type));
}

}  // namespace saccade::engine::openvino
