// How a model's sessions are opened: what its configuration's `optimization` and `parameters` say, in the
// terms of Triton's backend for ONNX Runtime.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "model/repository.h"

namespace saccade::model {

struct SessionSettings {
  engine::SessionOptions options;
  std::vector<std::string> warnings;  // parameters that have no effect
};

// Errors name the parameter and what it may be.
base::Result<SessionSettings> session_settings(const ModelSource& source);

}  // namespace saccade::model
