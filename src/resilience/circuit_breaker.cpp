#include "resilience/circuit_breaker.h"

#include <algorithm>

namespace saccade::resilience {

CircuitBreaker::CircuitBreaker(const BreakerSettings& settings)
    : settings_(settings),
      slice_(std::max<base::Duration>(settings.window / static_cast<std::int64_t>(kBuckets),
                                      std::chrono::microseconds(1))),
      random_(reinterpret_cast<std::uintptr_t>(this) ^ static_cast<std::uint64_t>(base::unix_micros())) {}

void CircuitBreaker::record(base::TimePoint now, base::Duration duration, bool ok, base::TimePoint began) {
  if (ok && !is_slow(duration) && state_.load(std::memory_order_relaxed) == State::kClosed) [[likely]] {
    bucket(now).calls.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  judge(now, duration, ok, began);
}

// The window is only judged when something went wrong: a call that went well can't make a rate grow.
void CircuitBreaker::judge(base::TimePoint now, base::Duration duration, bool ok, base::TimePoint began) {
  const bool slow = is_slow(duration);
  if (state_.load(std::memory_order_relaxed) == State::kClosed) {
    Bucket& counts = bucket(now);
    if (!ok) counts.failed.fetch_add(1, std::memory_order_relaxed);
    if (slow) counts.slow.fetch_add(1, std::memory_order_relaxed);
    counts.calls.fetch_add(1, std::memory_order_relaxed);
  }
  const std::lock_guard lock(mutex_);
  switch (state_.load(std::memory_order_relaxed)) {
    case State::kClosed:
      if (too_many(now)) open(now);
      break;
    case State::kHalfOpen:
      judge_probe(now, began, !ok || slow);
      break;
    case State::kOpen:  // of a call from before: what it says is known
      break;
  }
}

// With mutex_ held, as for all below that take no lock.
void CircuitBreaker::judge_probe(base::TimePoint now, base::TimePoint began, bool bad) {
  if (began < half_open_since_) return;  // called before the breaker opened
  if (probes_out_ > 0) --probes_out_;
  if (bad) return open(now);
  if (++successes_ >= settings_.probe_successes) close();
}

void CircuitBreaker::trip(base::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) == State::kClosed) open(now);
}

void CircuitBreaker::forget(base::TimePoint now, base::Duration duration) {
  if (state_.load(std::memory_order_relaxed) == State::kClosed) return;
  const std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) != State::kHalfOpen || now - duration < half_open_since_) return;
  if (probes_out_ > 0) --probes_out_;
}

bool CircuitBreaker::allow_probe(base::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) == State::kClosed) return true;
  if (state_.load(std::memory_order_relaxed) == State::kOpen && now >= open_until_) {
    half_open_since_ = now;
    probes_out_ = 0;
    successes_ = 0;
    state_.store(State::kHalfOpen, std::memory_order_relaxed);
  }
  if (state_.load(std::memory_order_relaxed) == State::kHalfOpen) {
    if (probes_out_ < settings_.probes) {
      ++probes_out_;
      last_probe_ = now;
      return true;
    }
    if (now - last_probe_ >= settings_.probe_limit) open(now);
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

CircuitBreaker::State CircuitBreaker::state(base::TimePoint now) const {
  if (state_.load(std::memory_order_relaxed) == State::kClosed) return State::kClosed;
  const std::lock_guard lock(mutex_);
  const State state = state_.load(std::memory_order_relaxed);
  return state == State::kOpen && now >= open_until_ ? State::kHalfOpen : state;
}

base::Duration CircuitBreaker::retry_after(base::TimePoint now) const {
  if (state_.load(std::memory_order_relaxed) == State::kClosed) return {};
  const std::lock_guard lock(mutex_);
  switch (state_.load(std::memory_order_relaxed)) {
    case State::kClosed:
      return {};
    case State::kOpen:
      return std::max<base::Duration>(open_until_ - now, base::Duration(0));
    case State::kHalfOpen:  // the probes are soon back, or it opens again
      return probes_out_ < settings_.probes ? base::Duration(0) : settings_.open_for;
  }
  return {};
}

CircuitBreaker::Bucket& CircuitBreaker::bucket(base::TimePoint now) {
  const std::int64_t number = now.time_since_epoch() / slice_;
  Bucket& found = buckets_[static_cast<std::size_t>(number) % kBuckets];
  if (found.number.load(std::memory_order_acquire) >= number) [[likely]]
    return found;
  return renew_bucket(number);
}

// Whoever adds to the bucket while it changes hands may add to the new slice instead of the old one.
CircuitBreaker::Bucket& CircuitBreaker::renew_bucket(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  Bucket& found = buckets_[static_cast<std::size_t>(number) % kBuckets];
  if (found.number.load(std::memory_order_relaxed) < number) {
    found.calls.store(0, std::memory_order_relaxed);
    found.failed.store(0, std::memory_order_relaxed);
    found.slow.store(0, std::memory_order_relaxed);
    found.number.store(number, std::memory_order_release);
  }
  return found;
}

bool CircuitBreaker::too_many(base::TimePoint now) const {
  const std::int64_t oldest = now.time_since_epoch() / slice_ - static_cast<std::int64_t>(kBuckets);
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  std::uint64_t slow = 0;
  for (const Bucket& counts : buckets_) {
    if (counts.number.load(std::memory_order_acquire) <= oldest) continue;
    calls += counts.calls.load(std::memory_order_relaxed);
    failed += counts.failed.load(std::memory_order_relaxed);
    slow += counts.slow.load(std::memory_order_relaxed);
  }
  if (calls == 0 || calls < settings_.minimum_calls) return false;
  const auto all = static_cast<double>(calls);
  return (failed > 0 && static_cast<double>(failed) >= settings_.failure_rate * all) ||
         (slow > 0 && static_cast<double>(slow) >= settings_.slow_rate * all);
}

void CircuitBreaker::open(base::TimePoint now) {
  const auto first = std::max<std::int64_t>(settings_.open_for.count(), 1);
  const auto longest = std::max<std::int64_t>(settings_.longest_open.count(), first);
  std::int64_t time = first;
  for (std::uint32_t i = 0; i < openings_ && time < longest; ++i)
    time = time > longest / 2 ? longest : time * 2;
  random_ = random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
  const double portion = static_cast<double>(random_ >> 11U) * 0x1p-53;
  const double more = portion * settings_.jitter * static_cast<double>(time);
  open_until_ = now + base::Duration(time + static_cast<std::int64_t>(more));
  ++openings_;
  opened_.fetch_add(1, std::memory_order_relaxed);
  state_.store(State::kOpen, std::memory_order_relaxed);
}

// What was counted before is of a service that was ill.
void CircuitBreaker::close() {
  for (Bucket& counts : buckets_) {
    counts.calls.store(0, std::memory_order_relaxed);
    counts.failed.store(0, std::memory_order_relaxed);
    counts.slow.store(0, std::memory_order_relaxed);
  }
  openings_ = 0;
  state_.store(State::kClosed, std::memory_order_relaxed);
}

std::string_view state_name(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::kClosed:
      return "closed";
    case CircuitBreaker::State::kHalfOpen:
      return "half-open";
    case CircuitBreaker::State::kOpen:
      return "open";
  }
  return "";
}

}  // namespace saccade::resilience
