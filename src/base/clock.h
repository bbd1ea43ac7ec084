// Time, in the two kinds that a server needs: a steady one to measure and to wait by, and the wall's to show.
// Durations inside the house are nanoseconds; names of figures say their unit.
#pragma once

#include <chrono>
#include <cstdint>

namespace saccade::base {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Duration = std::chrono::nanoseconds;

inline TimePoint now() {
  return SteadyClock::now();
}

// Microseconds since 1970-01-01 UTC.
inline std::int64_t unix_micros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

inline double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace saccade::base
