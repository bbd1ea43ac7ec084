#include "engine/openvino/library.h"

#include <cstdlib>
#include <dlfcn.h>
#include <string_view>
#include <vector>

#include "engine/library_paths.h"

namespace saccade::engine::openvino {
namespace {

// Of the release whose headers this was built with. Releases number their element types anew, so that another
// year's library would read our tensors as something else.
constexpr const char* kName = "libopenvino_c.so";
constexpr const char* kVersionedName = "libopenvino_c.so.2641";
constexpr std::string_view kYear = "2026.";
constexpr std::string_view kOldest = "2026.4";

#ifdef SACCADE_OPENVINO_DIRECTORY
constexpr const char* kBuiltWith = SACCADE_OPENVINO_DIRECTORY;
#else
constexpr const char* kBuiltWith = "";
#endif

std::vector<std::string> candidates() {
  const char* const variable = "SACCADE_OPENVINO";
  std::vector<std::string> paths = library_paths(variable, kVersionedName, kBuiltWith);
  if (std::getenv(variable) == nullptr) paths.emplace_back(kName);
  return paths;
}

// The name of a function that the library lacks; null where it has all.
const char* fill(void* handle, Api& api) {
#define SACCADE_OPENVINO_LOOK_UP(name)                                   \
  api.name = reinterpret_cast<decltype(api.name)>(dlsym(handle, #name)); \
  if (api.name == nullptr) return #name;
  SACCADE_OPENVINO_FUNCTIONS(SACCADE_OPENVINO_LOOK_UP)
#undef SACCADE_OPENVINO_LOOK_UP
  return nullptr;
}

// "2026.4.1" of "2026.4.1-22982-0f3d3e2c8a1-releases/2026/4".
std::string version_of(const Api& api) {
  ov_version_t version{};
  if (api.ov_get_openvino_version(&version) != OK) return "";
  const std::string_view build = version.buildNumber;
  std::string number(build.substr(0, build.find('-')));
  api.ov_version_free(&version);
  return number;
}

// Two releases of one year, "2026.4.1" and "2026.10".
bool at_least(std::string_view version, std::string_view oldest) {
  const auto release = [](std::string_view text) { return std::atoi(text.substr(kYear.size()).data()); };
  return version.starts_with(kYear) && release(version) >= release(oldest);
}

base::Result<Library> load() {
  std::string tried;
  for (const std::string& path : candidates()) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      tried += "\n  ";
      tried += dlerror();
      continue;
    }
    Library loaded;
    if (const char* lacking = fill(handle, loaded.api)) {
      tried +=
          "\n  " + path + ": is no C API of OpenVINO that this build can use (it has no " + lacking + ")";
      continue;
    }
    loaded.version = version_of(loaded.api);
    if (!at_least(loaded.version, kOldest)) {
      tried += "\n  " + path + ": is OpenVINO " + loaded.version + ", this build needs " +
               std::string(kOldest) + " or a later one of that year";
      continue;
    }
    loaded.path = path;
    return loaded;
  }
  return base::fail(base::Code::kUnavailable,
                    "OpenVINO's shared library was not found; `make build` fetches it, or name its "
                    "libopenvino_c.so in the environment variable SACCADE_OPENVINO. Tried:" +
                        tried);
}

}  // namespace

const base::Result<Library>& library() {
  static const base::Result<Library> loaded = load();
  return loaded;
}

}  // namespace saccade::engine::openvino
