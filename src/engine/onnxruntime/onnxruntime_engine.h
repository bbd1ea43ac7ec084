// ONNX Runtime behind the Engine interface: opens `.onnx` (and `.ort`) files.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace saccade::engine::onnxruntime {

// The engine, or why ONNX Runtime can't be had. One per process is enough; safe from any thread.
base::Result<std::unique_ptr<Engine>> make_engine();

}  // namespace saccade::engine::onnxruntime
