// The engines that this build knows.
#pragma once

#include "engine/engine_set.h"

namespace saccade::cli {

// All that this machine has, the reference for ONNX files first; why one is missing is said where a model
// needs it.
engine::EngineSet make_engines();

}  // namespace saccade::cli
