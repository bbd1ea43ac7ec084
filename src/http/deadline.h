// How long the caller of a request waits, as its headers say it.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "http/operation.h"
#include "net/http_message.h"

namespace saccade::http {

// Ours, and what Envoy puts on every request that it passes on.
inline constexpr std::string_view kTimeoutHeader = "X-Request-Timeout-Ms";
inline constexpr std::string_view kEnvoyTimeoutHeader = "X-Envoy-Expected-Rq-Timeout-Ms";

// `arrived` and as much later as the least of the two headers says; without them no end. Errors name the
// header.
base::Result<base::TimePoint> deadline_of(const net::HttpRequest& request, base::TimePoint arrived);

// For the documentation of a route that takes it.
inline Parameter in_timeout_header() {
  return in_header(std::string(kTimeoutHeader),
                   "How long an answer is worth waiting for; what can't make it is refused at once.",
                   R"({"type":"number","exclusiveMinimum":0})");
}

// Milliseconds, whole or with a fraction, above 0; `name` stands in the error. No end where that is beyond
// the clock.
base::Result<base::TimePoint> deadline_after_ms(std::string_view text, std::string_view name,
                                                base::TimePoint arrived);

}  // namespace saccade::http
