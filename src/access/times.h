// Times as people write them: "2027-01-31" or "2027-01-31T12:00:00Z" (RFC 3339, UTC). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::access {

// Seconds since 1970.
std::optional<std::int64_t> parse_utc(std::string_view text);
std::string utc_text(std::int64_t seconds);

}  // namespace saccade::access
