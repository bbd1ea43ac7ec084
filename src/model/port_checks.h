// Inputs and outputs as config.pbtxt says them: names, types, dimensions, reshapes, label files.
#pragma once

#include "base/error.h"
#include "model/config_text.h"

namespace saccade::model {

base::Status check_ports(const inference::ModelConfig& config, const Place& place);

}  // namespace saccade::model
