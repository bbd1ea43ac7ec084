// Element types of config.pbtxt and ours.
#pragma once

#include <optional>

#include "model_config.pb.h"
#include "tensor/data_type.h"

namespace saccade::model {

// Nothing for TYPE_INVALID and for numbers that no type has. TYPE_STRING is BYTES.
std::optional<tensor::DataType> from_config_type(inference::DataType type);
inference::DataType to_config_type(tensor::DataType type);

}  // namespace saccade::model
