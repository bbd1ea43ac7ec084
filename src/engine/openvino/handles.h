// OpenVINO's objects as owners, and its statuses as errors. Only after library() has succeeded.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "engine/openvino/library.h"

namespace saccade::engine::openvino {

inline const Api& api() {
  return library()->api;
}

struct Free {
  void operator()(ov_core_t* core) const { api().ov_core_free(core); }
  void operator()(ov_model_t* model) const { api().ov_model_free(model); }
  void operator()(ov_compiled_model_t* model) const { api().ov_compiled_model_free(model); }
  void operator()(ov_infer_request_t* request) const { api().ov_infer_request_free(request); }
  void operator()(ov_output_const_port_t* port) const { api().ov_output_const_port_free(port); }
  void operator()(ov_tensor_t* tensor) const { api().ov_tensor_free(tensor); }
  void operator()(char* text) const { api().ov_free(text); }
};

template <typename T>
using Owned = std::unique_ptr<T, Free>;

// What OpenVINO says of the call that has just failed on this thread, on one line and without the places in
// its sources. The library keeps one message for all threads, so it may be another call's where two fail at
// once.
std::string reason(ov_status_e status);

}  // namespace saccade::engine::openvino
