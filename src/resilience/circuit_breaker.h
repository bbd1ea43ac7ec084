// A circuit breaker: closed while calls go well, open (nobody calls) once too many of the last ones have
// failed or were slow, half open (few call, to see) when it has been open for a while. The states and the two
// rates are those of M. Nygard, "Release It!", 2nd ed., chapter 5, and of Resilience4j's time-based sliding
// window.
//
//   if (!breaker.allow(now)) return refuse(breaker.retry_after(now));
//   ... the call ...
//   breaker.record(now, duration, ok);      // or breaker.forget(now): the call says nothing about the
//   service
//
// Pure: the time is passed in. Safe from any thread. While closed, allow() is one load, and record() of a
// call that went well one addition; everything else takes a lock for a moment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "base/clock.h"

namespace saccade::resilience {

struct BreakerSettings {
  base::Duration window = std::chrono::seconds(10);  // how far back calls are looked at
  std::uint32_t minimum_calls = 20;                  // in the window, before they are judged
  double failure_rate = 0.5;                         // of the window's calls; above 1: failures never open it
  double slow_rate = 1.0;                            // of the window's calls
  base::Duration slow_after{0};                      // a call that took longer was slow; 0: none is
  base::Duration open_for =
      std::chrono::seconds(1);  // the first time; doubled each time that the probes fail
  base::Duration longest_open = std::chrono::seconds(60);
  double jitter = 0.1;       // up to so much of the time is added, lest all replicas come back at once
  std::uint32_t probes = 1;  // under way at a time while half open
  std::uint32_t probe_successes = 2;                      // in a row, which close it
  base::Duration probe_limit = std::chrono::seconds(30);  // a probe that isn't back by then has failed
};

class CircuitBreaker {
 public:
  enum class State : std::uint8_t { kClosed, kHalfOpen, kOpen };  // as the metric has them: 0, 1, 2

  explicit CircuitBreaker(const BreakerSettings& settings);

  // Whether to call. Whoever is allowed to reports by record() or forget().
  bool allow(base::TimePoint now) {
    if (state_.load(std::memory_order_relaxed) == State::kClosed) [[likely]]
      return true;
    return allow_probe(now);
  }
  // How a call ended that began `duration` ago.
  void record(base::TimePoint now, base::Duration duration, bool ok) {
    record(now, duration, ok, now - duration);
  }
  // The same where only a part of the call's time is the service's: it was allowed at `began`.
  void record(base::TimePoint now, base::Duration duration, bool ok, base::TimePoint began);
  // A call that was allowed but never got to the service, or says nothing about it: refused elsewhere,
  // cancelled, bad input. Began `duration` ago.
  void forget(base::TimePoint now, base::Duration duration);
  // Opens it at once, whatever the rates are: calls hang, and have no end to be recorded.
  void trip(base::TimePoint now);

  // As allow() would see it, without taking a probe.
  State state(base::TimePoint now) const;
  // When the next try may be allowed; 0: now.
  base::Duration retry_after(base::TimePoint now) const;

  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }
  const BreakerSettings& settings() const { return settings_; }

 private:
  static constexpr std::size_t kBuckets = 10;
  struct Bucket {
    std::atomic<std::int64_t> number{-1};  // of the slice of time that is counted here
    std::atomic<std::uint32_t> calls{0};
    std::atomic<std::uint32_t> failed{0};
    std::atomic<std::uint32_t> slow{0};
  };

  bool allow_probe(base::TimePoint now);
  void judge(base::TimePoint now, base::Duration duration, bool ok, base::TimePoint began);
  void judge_probe(base::TimePoint now, base::TimePoint began, bool bad);
  Bucket& bucket(base::TimePoint now);
  Bucket& renew_bucket(std::int64_t number);
  bool too_many(base::TimePoint now) const;
  void open(base::TimePoint now);
  void close();
  bool is_slow(base::Duration duration) const {
    return settings_.slow_after.count() > 0 && duration > settings_.slow_after;
  }

  const BreakerSettings settings_;
  const base::Duration slice_;  // of a bucket
  std::atomic<State> state_{State::kClosed};
  std::array<Bucket, kBuckets> buckets_;
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> opened_{0};

  mutable std::mutex mutex_;  // guards all below, and changes of state
  base::TimePoint open_until_{};
  base::TimePoint half_open_since_{};
  base::TimePoint last_probe_{};
  std::uint32_t probes_out_ = 0;
  std::uint32_t successes_ = 0;
  std::uint32_t openings_ = 0;  // in a row, without having been closed
  std::uint64_t random_;
};

std::string_view state_name(CircuitBreaker::State state);

}  // namespace saccade::resilience
