// The file that --config names: settings by the flags' names, in TOML's form (`port = 9000`).
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace saccade::cli {

// "--max-queue" → "SACCADE_MAX_QUEUE"
std::string environment_name(const std::string& flag);

// The file named by `--config FILE`, `--config=FILE` or SACCADE_CONFIG; empty: none.
std::string config_file_of(int argc, char** argv);

// Sets the environment variable of each setting in the file that is not set already, so that the command line
// wins over the environment and the environment over the file. Refuses keys that are no flag (`flags`:
// "--port", …).
base::Status apply_config_file(const std::string& path, const std::vector<std::string>& flags);

}  // namespace saccade::cli
