#include "resilience/call_guard.h"

namespace saccade::resilience {
namespace {

BreakerSettings with_probe_limit(GuardSettings settings) {
  settings.breaker.probe_limit = settings.hang_after;
  return settings.breaker;
}

}  // namespace

CallGuard::CallGuard(const GuardSettings& settings)
    : breaker_(with_probe_limit(settings)), hang_after_(settings.hang_after) {}

bool CallGuard::enter(base::TimePoint now) {
  if (under_way_.load(std::memory_order_relaxed) > 0 &&
      now - last_sign_.load(std::memory_order_relaxed) >= hang_after_) [[unlikely]]
    breaker_.trip(now);
  if (!breaker_.allow(now)) return false;
  if (under_way_.fetch_add(1, std::memory_order_relaxed) == 0)
    last_sign_.store(now, std::memory_order_relaxed);
  return true;
}

void CallGuard::leave(base::TimePoint entered, base::TimePoint now, base::Duration took, Outcome outcome) {
  under_way_.fetch_sub(1, std::memory_order_relaxed);
  if (outcome == Outcome::kNothing) return breaker_.forget(now, now - entered);
  last_sign_.store(now, std::memory_order_relaxed);
  breaker_.record(now, took, outcome == Outcome::kOk, entered);
}

}  // namespace saccade::resilience
