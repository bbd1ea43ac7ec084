// Amounts as people write them on a command line: "256MiB", "60s". Errors say what was read and what would be
// right.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace saccade::cli {

// A number with B, KiB, MiB, GiB (1024 each) or kB, MB, GB (1000 each); a number alone is bytes.
base::Result<std::uint64_t> parse_bytes(std::string_view text);
// A number with us, ms, s, m, h or d; more than 0, up to a hundred years.
base::Result<base::Duration> parse_duration(std::string_view text);

}  // namespace saccade::cli
