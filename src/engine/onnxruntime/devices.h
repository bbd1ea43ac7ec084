// Graphics processors, where the loaded ONNX Runtime is a build that has them.
#pragma once

#include "base/error.h"
#include "engine/engine.h"
#include "engine/onnxruntime/ort.h"

namespace saccade::engine::onnxruntime {

// "cuda", "tensorrt", "cpu".
std::string_view device_name(Device device);

// Makes sessions of these settings run on the options' device; nothing is done for the CPU. What TensorRT
// can't run, CUDA does, and the CPU what neither can. Errors (kUnavailable) say what was looked for and what
// would be right: another library, a driver.
base::Status use_device(Ort::SessionOptions& settings, const SessionOptions& options);

}  // namespace saccade::engine::onnxruntime
