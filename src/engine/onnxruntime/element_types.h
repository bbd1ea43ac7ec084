// ONNX's element types and ours, each way.
#pragma once

#include <optional>
#include <string>

#include "engine/onnxruntime/ort.h"
#include "tensor/data_type.h"

namespace saccade::engine::onnxruntime {

// Nothing for the types that are not served (complex numbers, 8-bit floats, 4-bit integers).
std::optional<tensor::DataType> from_onnx(ONNXTensorElementDataType type);
ONNXTensorElementDataType to_onnx(tensor::DataType type);

}  // namespace saccade::engine::onnxruntime
