// Threads that ONNX Runtime starts for a session, at another priority than that of the thread that opens it.
#pragma once

#include "engine/onnxruntime/ort.h"

namespace saccade::engine::onnxruntime {

// Threads of sessions with these settings give way to others by `nice`, from 1 to 19.
void use_nice_threads(Ort::SessionOptions& settings, int nice);

}  // namespace saccade::engine::onnxruntime
