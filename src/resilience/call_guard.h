// A circuit breaker round calls that may hang: it knows how many are under way, and when one last came back.
//
//   if (!guard.enter(now)) return refuse(guard.breaker().retry_after(now));
//   ... later: guard.leave(entered, base::now(), took, CallGuard::Outcome::kOk);
//
// If none of those under way has come back for `hang_after`, the next that wants to enter trips the breaker.
// Safe from any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "resilience/circuit_breaker.h"

namespace saccade::resilience {

struct GuardSettings {
  BreakerSettings breaker;
  base::Duration hang_after = std::chrono::seconds(10);
};

class CallGuard {
 public:
  enum class Outcome : std::uint8_t {
    kOk,
    kFailed,
    kNothing,  // says nothing of the service: the call never got there, or what it brought was wrong
  };

  explicit CallGuard(const GuardSettings& settings);

  bool enter(base::TimePoint now);
  // `took`: of the service's own time.
  void leave(base::TimePoint entered, base::TimePoint now, base::Duration took, Outcome outcome);

  const CircuitBreaker& breaker() const { return breaker_; }

 private:
  CircuitBreaker breaker_;
  const base::Duration hang_after_;
  std::atomic<std::int64_t> under_way_{0};
  std::atomic<base::TimePoint> last_sign_{base::TimePoint{}};  // of life: one came back, or the first went
};

}  // namespace saccade::resilience
