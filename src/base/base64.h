// Bytes as text in base64 (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

namespace saccade::base {

void append_base64(std::string& out, std::string_view bytes);

// Appends the bytes that `text` stands for; false, with `out` as it was, where it is no base64. The padding
// may be left out; nothing else may stand in between.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace saccade::base
