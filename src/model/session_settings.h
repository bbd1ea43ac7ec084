// How a model's sessions are opened, and by which engine: what its configuration says in `backend`,
// `instance_group`, `optimization` and `parameters`, in the terms of Triton where it has any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "model/repository.h"

namespace saccade::model {

inline constexpr std::string_view kAnyEngine = "auto";

struct SessionSettings {
  engine::SessionOptions options;
  bool threads_said = false;        // options.threads are the configuration's; no other number is tried
  std::optional<int> lone_threads;  // of a run that has the machine to itself, where the configuration says
  std::string engine;         // that the configuration names, or "auto"; empty: it leaves that to the server
  bool cpu_fallback = false;  // on the CPU where there is no such device
  std::vector<std::string> warnings;  // parameters that have no effect
};

// Errors name the parameter and what it may be.
base::Result<SessionSettings> session_settings(const ModelSource& source);

// "cpu", "cuda", "tensorrt"
std::string_view device_name(engine::Device device);

}  // namespace saccade::model
