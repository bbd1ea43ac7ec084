// Finds and loads OpenVINO's shared library at run time, so that a server on a machine without it still
// serves with the other engines, and another build of it can take its place.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "engine/openvino/api.h"

namespace saccade::engine::openvino {

struct Library {
  Api api;              // complete
  std::string version;  // "2026.4.1"
  std::filesystem::path path;
};

// Loads the library once per process and never lets go of it; safe from any thread. Looked for, in this
// order: the file named by the environment variable SACCADE_OPENVINO, `lib/` and `../lib/` beside the
// executable, the folder that the build found it in, the system's loader. The error (kUnavailable) names
// every place tried.
const base::Result<Library>& library();

}  // namespace saccade::engine::openvino
