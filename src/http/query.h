// The query of a URL ("model=digits&limit=10"). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::http {

// Appends `text` with its %41 made bytes; false where a percent sign is not followed by two hexadecimal
// digits.
bool percent_decode(std::string_view text, std::string& out);

// The first value of that name, percent-decoded; nothing where there is none.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

// "true"/"1"/"" are true, "false"/"0" false; absent is `fallback`.
base::Result<bool> query_flag(std::string_view query, std::string_view name, bool fallback);
base::Result<std::int64_t> query_number(std::string_view query, std::string_view name, std::int64_t fallback,
                                        std::int64_t least, std::int64_t most);
// Seconds since 1970, with a fraction if wanted, or RFC 3339 ("2026-11-24T05:23:45Z"); in microseconds since
// 1970.
base::Result<std::int64_t> query_time(std::string_view query, std::string_view name, std::int64_t fallback);

}  // namespace saccade::http
