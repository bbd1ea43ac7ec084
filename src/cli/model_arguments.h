// From the models named on the command line to models found and loaded.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/repository.h"

namespace saccade::cli {

// All arguments' models together, or the first argument that is wrong.
base::Result<model::FoundModels> find_all(const std::vector<std::string>& arguments);

}  // namespace saccade::cli
