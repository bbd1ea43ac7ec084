// Bytes as hexadecimal digits, two lower-case ones for each (RFC 4648, section 8, but for the case).
#pragma once

#include <string>
#include <string_view>

namespace saccade::base {

std::string hex(std::string_view bytes);

}  // namespace saccade::base
