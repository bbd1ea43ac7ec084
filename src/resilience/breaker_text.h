// A circuit breaker's settings as text, of a flag or of a model's configuration:
//
//   on                                            failures=50% and the other defaults
//   failures=50%,slow=80%,slow_after=200ms,hang=10s,window=10s,calls=20,open=1s,longest_open=1m
//   none
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "resilience/call_guard.h"

namespace saccade::resilience {

// Nothing: there is to be none.
base::Result<std::optional<GuardSettings>> parse_breaker(std::string_view text);

}  // namespace saccade::resilience
