// Whether bytes are text in UTF-8 (RFC 3629: no surrogates, nothing overlong).
#pragma once

#include <cstddef>
#include <string_view>

namespace saccade::base {

// Length of the character at the beginning of `text`, which is not empty; 0: there is none.
std::size_t utf8_sequence(std::string_view text);
// Length of the longest beginning that is UTF-8.
std::size_t utf8_prefix(std::string_view text);
inline bool is_utf8(std::string_view text) {
  return utf8_prefix(text) == text.size();
}

}  // namespace saccade::base
