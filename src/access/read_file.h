// A whole small file. Blocks; for threads that may.
#pragma once

#include <string>

#include "base/error.h"

namespace saccade::access {

// Errors (kInvalidArgument) say why it can't be read, or that it has more than `most` bytes.
base::Result<std::string> read_file(const std::string& file, std::size_t most);
// In one step: whoever reads it sees the old contents or the new ones. Only the owner may read a file that
// was not there before.
base::Status replace_file(const std::string& file, const std::string& text);

}  // namespace saccade::access
