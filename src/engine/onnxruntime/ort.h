// The one place that includes ONNX Runtime's C++ header: its API table is set at run time (library.h).
#pragma once

#ifndef ORT_API_MANUAL_INIT
#define ORT_API_MANUAL_INIT
#endif
#include <onnxruntime_cxx_api.h>
