// A time left to chance, so that what repeats does not keep step with something else.
#pragma once

#include <random>

#include "base/clock.h"

namespace saccade::base {

// From `least` to `most`, each as likely as any other. Any thread: each has a generator of its own, seeded by
// the system's.
inline Duration random_duration(Duration least, Duration most) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return Duration(std::uniform_int_distribution<Duration::rep>(least.count(), most.count())(random));
}

}  // namespace saccade::base
