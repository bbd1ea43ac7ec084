// Finds and loads ONNX Runtime's shared library at run time, so that another build of it (a GPU one, the
// system's) can take its place without rebuilding the server.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

struct OrtApi;

namespace saccade::engine::onnxruntime {

struct Library {
  const OrtApi* api = nullptr;  // of the version that the headers ask for; never null in a loaded library
  std::string version;          // "1.32.0"
  std::filesystem::path path;
};

// Loads the library once per process; safe from any thread. Looked for, in this order: the file named by the
// environment variable SACCADE_ONNXRUNTIME, `lib/` and `../lib/` beside the executable, the folder that the
// build found it in, the system's loader. The error names every place tried.
base::Result<Library> library();

}  // namespace saccade::engine::onnxruntime
