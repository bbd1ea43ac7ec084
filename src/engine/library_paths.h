// Where an engine's shared library is looked for, in this order.
#pragma once

#include <string>
#include <vector>

namespace saccade::engine {

// Only the file that the environment variable `variable` names, where it is set. Otherwise `soname` in `lib/`
// and `../lib/` beside the executable, in `directory` (the folder that the build found it in; empty: none),
// and as the system's loader finds it.
std::vector<std::string> library_paths(const char* variable, const std::string& soname,
                                       const std::string& directory);

}  // namespace saccade::engine
