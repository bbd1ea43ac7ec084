// The header grpc-timeout: how long the caller waits, "100m" for a tenth of a second.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace saccade::grpc {

// One to eight digits and a unit: H, M, S, m (milli), u (micro) or n (nano). What no clock of ours reaches is
// the longest duration. Nothing: this is no timeout.
std::optional<base::Duration> parse_timeout(std::string_view text);
// `from` and so much later; no end where that is beyond the clock.
base::TimePoint deadline_after(base::TimePoint from, base::Duration timeout);

}  // namespace saccade::grpc
