// OpenVINO's element types and ours, each way.
#pragma once

#include <optional>
#include <string>

#include "engine/openvino/api.h"
#include "tensor/data_type.h"

namespace saccade::engine::openvino {

// Nothing for the types that are not served: texts, which no operator of OpenVINO's own takes, 8-bit floats
// and elements below a byte.
std::optional<tensor::DataType> from_openvino(ov_element_type_e type);
// Nothing for kBytes.
std::optional<ov_element_type_e> to_openvino(tensor::DataType type);
// For messages: "texts", "type 21".
std::string describe(ov_element_type_e type);

}  // namespace saccade::engine::openvino
