// Small text files that people write (config.pbtxt, label files): read whole, bounded in size, UTF-8 or
// refused.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::model {

// The whole file. Errors: kNotFound where there is none; kInvalidArgument where it is no regular file (a pipe
// would never end), can't be read, or is larger than `most` bytes.
base::Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t most);

// The text without a byte order mark. An Error with the line of the first byte that is not UTF-8; `where` is
// the file's name in it. The result looks at `text`.
base::Result<std::string_view> check_text(std::string_view text, std::string_view where);

// For a message: control characters and bytes that are not UTF-8 as escapes ("\\x0a"), so that a file's
// content can't forge a line of the log. in_quotes also cuts what is long.
std::string printable(std::string_view text);
std::string in_quotes(std::string_view text);

}  // namespace saccade::model
