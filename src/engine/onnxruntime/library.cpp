#include "engine/onnxruntime/library.h"

#include <dlfcn.h>

#include <onnxruntime_c_api.h>

#include "engine/library_paths.h"

namespace saccade::engine::onnxruntime {
namespace {

constexpr const char* kSoname = "libonnxruntime.so.1";

#ifdef SACCADE_ONNXRUNTIME_DIRECTORY
constexpr const char* kBuiltWith = SACCADE_ONNXRUNTIME_DIRECTORY;
#else
constexpr const char* kBuiltWith = "";
#endif

base::Result<Library> load() {
  std::string tried;
  for (const std::string& path : library_paths("SACCADE_ONNXRUNTIME", kSoname, kBuiltWith)) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      tried += "\n  ";
      tried += dlerror();
      continue;
    }
    const auto get_base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
    if (get_base == nullptr) {
      tried += "\n  " + path + ": is no ONNX Runtime (it has no OrtGetApiBase)";
      continue;
    }
    const OrtApi* api = get_base()->GetApi(ORT_API_VERSION);
    if (api == nullptr) {
      tried += "\n  " + path + ": ONNX Runtime " + get_base()->GetVersionString() + " is older than 1." +
               std::to_string(ORT_API_VERSION) + ", which this build needs";
      continue;
    }
    return Library{api, get_base()->GetVersionString(), path};
  }
  return base::fail(base::Code::kInternal,
                    "ONNX Runtime's shared library was not found; `make build` fetches it, or name it in the "
                    "environment variable SACCADE_ONNXRUNTIME. Tried:" +
                        tried);
}

}  // namespace

base::Result<Library> library() {
  static const base::Result<Library> loaded = load();
  return loaded;
}

}  // namespace saccade::engine::onnxruntime
