// The generic cell rate algorithm, in its form of virtual scheduling (ITU-T I.371, annex A; ATM Forum
// TM 4.0, 4.4.2): a limit on the rate with an allowance for bursts, whose whole memory is one time.
//
// That time is when the next call would come if all calls came evenly ("theoretical arrival time"); a call
// may come before it by the tolerance at most. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace saccade::limit {

struct Rate {
  base::Duration interval{0};   // between two calls that come evenly
  base::Duration tolerance{0};  // (burst - 1) intervals

  std::int64_t burst() const { return tolerance / interval + 1; }
  // How many calls would be let in at `now`.
  std::int64_t remaining(base::TimePoint theoretical, base::TimePoint now) const {
    const base::Duration ahead = theoretical - now;
    if (ahead.count() <= 0) return burst();
    return ahead > tolerance ? 0 : (tolerance - ahead) / interval + 1;
  }
  // Until one is let in; 0: now.
  base::Duration wait(base::TimePoint theoretical, base::TimePoint now) const {
    return std::max<base::Duration>(theoretical - tolerance - now, base::Duration(0));
  }
  // The time after a call at `now`, which must be let in.
  base::TimePoint after(base::TimePoint theoretical, base::TimePoint now) const {
    return std::max(theoretical, now) + interval;
  }
};

}  // namespace saccade::limit
