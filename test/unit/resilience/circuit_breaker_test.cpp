#include "resilience/circuit_breaker.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::resilience {
namespace {

using State = CircuitBreaker::State;
using namespace std::chrono_literals;

BreakerSettings exact() {
  BreakerSettings settings;
  settings.window = 10s;
  settings.minimum_calls = 4;
  settings.failure_rate = 0.5;
  settings.slow_after = 100ms;
  settings.slow_rate = 0.75;
  settings.open_for = 1s;
  settings.longest_open = 5s;
  settings.jitter = 0;
  settings.probes = 1;
  settings.probe_successes = 2;
  settings.probe_limit = 3s;
  return settings;
}

class CircuitBreakerTest : public testing::Test {
 protected:
  void call(bool ok, base::Duration duration = 1ms) {
    ASSERT_TRUE(breaker_.allow(now_));
    now_ += duration;
    breaker_.record(now_, duration, ok);
  }
  void trip() {
    for (int i = 0; i < 4; ++i) call(false);
    ASSERT_EQ(breaker_.state(now_), State::kOpen);
  }

  base::TimePoint now_{1'000'000s};
  CircuitBreaker breaker_{exact()};
};

TEST_F(CircuitBreakerTest, StaysClosedBelowTheMinimumOfCalls) {
  for (int i = 0; i < 3; ++i) call(false);
  EXPECT_EQ(breaker_.state(now_), State::kClosed);
  call(false);
  EXPECT_EQ(breaker_.state(now_), State::kOpen);
  EXPECT_EQ(breaker_.opened(), 1U);
}

TEST_F(CircuitBreakerTest, OpensAtTheFailureRate) {
  for (int i = 0; i < 5; ++i) call(true);
  for (int i = 0; i < 4; ++i) call(false);
  EXPECT_EQ(breaker_.state(now_), State::kClosed);  // 4 of 9
  call(false);
  EXPECT_EQ(breaker_.state(now_), State::kOpen);  // 5 of 10
  EXPECT_FALSE(breaker_.allow(now_));
  EXPECT_EQ(breaker_.refused(), 1U);
}

TEST_F(CircuitBreakerTest, WhatIsOlderThanTheWindowIsForgotten) {
  for (int i = 0; i < 3; ++i) call(false);
  now_ += 11s;
  for (int i = 0; i < 3; ++i) call(false);
  EXPECT_EQ(breaker_.state(now_), State::kClosed);
}

TEST_F(CircuitBreakerTest, OpensAtTheSlowRate) {
  call(true);
  for (int i = 0; i < 2; ++i) call(true, 150ms);
  EXPECT_EQ(breaker_.state(now_), State::kClosed);  // 2 of 3, and too few
  call(true, 150ms);
  EXPECT_EQ(breaker_.state(now_), State::kOpen);  // 3 of 4
}

TEST_F(CircuitBreakerTest, MayBeTripped) {
  breaker_.trip(now_);
  EXPECT_EQ(breaker_.state(now_), State::kOpen);
  now_ += 1s;
  breaker_.trip(now_);  // of a hang that is known
  EXPECT_EQ(breaker_.state(now_), State::kHalfOpen);
}

TEST_F(CircuitBreakerTest, LetsOneProbeAtATimeThroughAndCloses) {
  trip();
  EXPECT_EQ(breaker_.retry_after(now_), 1s);
  now_ += 999ms;
  EXPECT_FALSE(breaker_.allow(now_));
  now_ += 1ms;
  EXPECT_EQ(breaker_.state(now_), State::kHalfOpen);
  EXPECT_TRUE(breaker_.allow(now_));
  EXPECT_FALSE(breaker_.allow(now_));
  now_ += 1ms;
  breaker_.record(now_, 1ms, true);
  EXPECT_EQ(breaker_.state(now_), State::kHalfOpen);
  call(true);
  EXPECT_EQ(breaker_.state(now_), State::kClosed);
  call(false);  // what was before is not held against it
  EXPECT_EQ(breaker_.state(now_), State::kClosed);
}

TEST_F(CircuitBreakerTest, TheTimeOpenDoublesUpToItsLimit) {
  trip();
  for (const auto expected : {2s, 4s, 5s, 5s}) {
    now_ += breaker_.retry_after(now_);
    call(false);
    EXPECT_EQ(breaker_.retry_after(now_), expected);
  }
  now_ += 5s;
  call(true);
  call(true);
  EXPECT_EQ(breaker_.state(now_), State::kClosed);
  trip();
  EXPECT_EQ(breaker_.retry_after(now_), 1s);  // begun anew
}

TEST_F(CircuitBreakerTest, JitterOnlyEverLengthens) {
  BreakerSettings settings = exact();
  settings.jitter = 0.5;
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    CircuitBreaker breaker(settings);
    for (int j = 0; j < 4; ++j) breaker.record(now_, 1ms, false);
    const auto wait = breaker.retry_after(now_);
    EXPECT_GE(wait, 1s);
    EXPECT_LE(wait, 1500ms);
    differs = differs || wait != 1s;
  }
  EXPECT_TRUE(differs);
}

TEST_F(CircuitBreakerTest, AForgottenProbeMakesPlaceForAnother) {
  trip();
  now_ += 1s;
  ASSERT_TRUE(breaker_.allow(now_));
  breaker_.forget(now_, 0ms);
  EXPECT_TRUE(breaker_.allow(now_));
  EXPECT_FALSE(breaker_.allow(now_));
}

TEST_F(CircuitBreakerTest, AProbeThatNeverReturnsHasFailed) {
  trip();
  now_ += 1s;
  ASSERT_TRUE(breaker_.allow(now_));
  now_ += 3s;
  EXPECT_FALSE(breaker_.allow(now_));
  EXPECT_EQ(breaker_.state(now_), State::kOpen);
  EXPECT_EQ(breaker_.retry_after(now_), 2s);
}

TEST_F(CircuitBreakerTest, CallsFromBeforeSayNothingToTheProbes) {
  trip();
  now_ += 1s;
  ASSERT_TRUE(breaker_.allow(now_));
  now_ += 1ms;
  breaker_.record(now_, 20s, true);   // begun while it was closed
  breaker_.record(now_, 20s, false);  // likewise
  EXPECT_EQ(breaker_.state(now_), State::kHalfOpen);
  EXPECT_FALSE(breaker_.allow(now_));  // the probe is still out
}

TEST(CircuitBreakerThreads, CountsWhatManyThreadsRecord) {
  BreakerSettings settings = exact();
  settings.minimum_calls = 40'001;  // one more than there will be
  settings.failure_rate = 0.5;
  CircuitBreaker breaker(settings);
  const base::TimePoint now{1'000'000s};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        ASSERT_TRUE(breaker.allow(now));
        breaker.record(now, 1ms, i % 2 == 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(breaker.state(now), State::kClosed);
  breaker.record(now, 1ms, false);  // 20,001 of 40,001
  EXPECT_EQ(breaker.state(now), State::kOpen);
}

TEST(CircuitBreakerThreads, OneProbeOfManyCallers) {
  CircuitBreaker breaker(exact());
  base::TimePoint now{1'000'000s};
  for (int i = 0; i < 4; ++i) breaker.record(now, 1ms, false);
  now += 1s;
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        if (breaker.allow(now)) ++allowed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(allowed.load(), 1);
}

}  // namespace
}  // namespace saccade::resilience
