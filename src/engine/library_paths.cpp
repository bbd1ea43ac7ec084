#include "engine/library_paths.h"

#include <cstdlib>
#include <filesystem>

namespace saccade::engine {

std::vector<std::string> library_paths(const char* variable, const std::string& soname,
                                       const std::string& directory) {
  if (const char* named = std::getenv(variable)) return {named};
  std::vector<std::string> paths;
  std::error_code ignored;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (!ignored) {
    paths.push_back(executable.parent_path() / "lib" / soname);
    paths.push_back(executable.parent_path().parent_path() / "lib" / soname);
  }
  if (!directory.empty()) paths.push_back(std::filesystem::path(directory) / soname);
  paths.push_back(soname);
  return paths;
}

}  // namespace saccade::engine
