// The latency that is asked for: "p99=20ms" says that of all accepted requests 99 % are answered within 20 ms
// of their arrival.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace saccade::request {

struct Objective {
  double quantile = 0.99;     // the share of answers that must be in time, between 0 and 1
  base::Duration latency{0};  // from the request's arrival to its answer; 0: not stated

  bool stated() const { return latency.count() > 0; }
};

// Reads "p99=20ms", "p99.9=1.5s", "p50=800us", or a time alone ("20ms"), which means p99. Errors say what was
// read and what would be right.
base::Result<Objective> parse_objective(std::string_view text);
// The same form again; "none" where it is not stated.
std::string to_text(const Objective& objective);

}  // namespace saccade::request
