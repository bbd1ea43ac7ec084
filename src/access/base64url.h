// Bytes as text in base64url without padding (RFC 4648, section 5; RFC 7515, section 2). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace saccade::access {

std::string base64url(std::string_view bytes);
// Nothing where it is none: padding, other characters, or bits that stand for nothing, so that each value has
// one spelling.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace saccade::access
