// OpenVINO behind the Engine interface: opens ONNX files, OpenVINO's own (.xml with .bin), TensorFlow Lite,
// TensorFlow (SavedModel, frozen graphs) and Paddle.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace saccade::engine::openvino {

// The engine, or why OpenVINO can't be had. One per process is enough; safe from any thread.
base::Result<std::unique_ptr<Engine>> make_engine();

}  // namespace saccade::engine::openvino
