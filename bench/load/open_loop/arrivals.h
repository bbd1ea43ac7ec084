// When each request is due, all of it computed before the first is sent: what the server does can't change
// it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace open_loop {

// A stretch of constant rate.
struct Phase {
  double rate = 0;  // requests per second
  double seconds = 0;
};

// "0.2:10s,2:20s": 0.2 times `rate` for ten seconds, then twice that rate for twenty. Throws
// std::invalid_argument with what is wrong.
std::vector<Phase> parse_schedule(std::string_view text, double rate);

struct Arrivals {
  std::vector<std::int64_t> due_ns;   // since the start, ascending
  std::vector<std::size_t> phase_of;  // the first request of each phase; one more at the end
};

// Poisson: independent exponential times between two requests, so the number in any stretch is Poisson
// distributed. A phase begins anew at its start, which the memoryless process may. Otherwise evenly spaced.
Arrivals make_arrivals(const std::vector<Phase>& phases, bool poisson, std::uint64_t seed);

}  // namespace open_loop
