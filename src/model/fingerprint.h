// Whether files have changed: a look at a place's names, sizes and times, not into its files.
#pragma once

#include <filesystem>
#include <string>

#include "model/repository.h"

namespace saccade::model {

// Of a file, or of all that lies below a directory, links followed. Equal texts: nothing was changed in
// between, by anybody who does not set times back. What can't be looked at counts with that.
std::string fingerprint(const std::filesystem::path& place);

// Of one version: its own files and those that the model's versions share.
std::string fingerprint(const ModelSource& source);

}  // namespace saccade::model
