// Label files: the name of each class of an output, one a line, in the order of the output's last dimension.
// UTF-8; lines end in LF or CRLF; blank lines at the end don't count, others are classes without a name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace saccade::model {

base::Result<std::vector<std::string>> read_labels(const std::filesystem::path& file);

// `where` is the file's name in messages.
base::Result<std::vector<std::string>> parse_labels(std::string_view text, std::string_view where);

}  // namespace saccade::model
