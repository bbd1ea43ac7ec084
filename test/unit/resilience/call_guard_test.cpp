#include "resilience/call_guard.h"

#include <gtest/gtest.h>

#include "resilience/breaker_text.h"

namespace saccade::resilience {
namespace {

using namespace std::chrono_literals;
using Outcome = CallGuard::Outcome;
using State = CircuitBreaker::State;

TEST(CallGuard, TripsWhenNothingComesBackAnyMore) {
  CallGuard guard(GuardSettings{.breaker = {.open_for = 1s, .jitter = 0}, .hang_after = 5s});
  base::TimePoint now{1'000s};
  const base::TimePoint first = now;
  ASSERT_TRUE(guard.enter(now));  // hangs
  now += 4s;
  ASSERT_TRUE(guard.enter(now));
  guard.leave(now, now, 1ms, Outcome::kOk);  // a sign of life
  now += 4s;
  EXPECT_TRUE(guard.enter(now));
  now += 1s;
  EXPECT_FALSE(guard.enter(now));
  EXPECT_EQ(guard.breaker().retry_after(now), 1s);
  now += 1s;
  ASSERT_TRUE(guard.enter(now));  // a probe, which hangs too
  now += 4s;
  guard.leave(first, now, 13s, Outcome::kOk);  // says nothing of how it is now
  EXPECT_EQ(guard.breaker().state(now), State::kHalfOpen);
  now += 1s;
  EXPECT_FALSE(guard.enter(now));
  EXPECT_EQ(guard.breaker().state(now), State::kOpen);
}

TEST(CallGuard, IdleIsNoHang) {
  CallGuard guard(GuardSettings{.hang_after = 5s});
  base::TimePoint now{1'000s};
  ASSERT_TRUE(guard.enter(now));
  guard.leave(now, now, 1ms, Outcome::kOk);
  now += 1h;
  EXPECT_TRUE(guard.enter(now));
  EXPECT_TRUE(guard.enter(now + 1s));
}

TEST(CallGuard, WhatSaysNothingIsNotCounted) {
  CallGuard guard(GuardSettings{.breaker = {.minimum_calls = 2}});
  const base::TimePoint now{1'000s};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(guard.enter(now));
    guard.leave(now, now, {}, Outcome::kNothing);
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(guard.enter(now));
    guard.leave(now, now, {}, Outcome::kFailed);
  }
  EXPECT_FALSE(guard.enter(now));
}

TEST(BreakerText, ReadsWhatIsNamed) {
  EXPECT_FALSE(parse_breaker("none")->has_value());
  EXPECT_EQ((*parse_breaker("on"))->breaker.failure_rate, 0.5);
  const auto whole = **parse_breaker(
      "failures=25%,slow=80%,slow_after=200ms,hang=3s,window=1m,calls=7,open=500ms,longest_open=2s");
  EXPECT_EQ(whole.breaker.failure_rate, 0.25);
  EXPECT_EQ(whole.breaker.slow_rate, 0.8);
  EXPECT_EQ(whole.breaker.slow_after, 200ms);
  EXPECT_EQ(whole.hang_after, 3s);
  EXPECT_EQ(whole.breaker.window, 1min);
  EXPECT_EQ(whole.breaker.minimum_calls, 7U);
  EXPECT_EQ(whole.breaker.open_for, 500ms);
  EXPECT_EQ(whole.breaker.longest_open, 2s);
  const auto slow = **parse_breaker("slow_after=10ms");
  EXPECT_GT(slow.breaker.failure_rate, 1);
  EXPECT_EQ(slow.breaker.slow_rate, 0.5);
}

TEST(BreakerText, RefusesWhatIsWrongAndSaysWhatWouldBeRight) {
  for (const char* text : {"", "off", "failures", "failures=0.5", "failures=0%", "failures=101%",
                           "failures=nan%", "slow=50%", "slow_after=200", "slow_after=-1s", "hang=0s",
                           "calls=0", "calls=1.5", "calls=x", "failures=50%,,", "window=2000m"}) {
    const auto parsed = parse_breaker(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find("circuit breaker"), std::string::npos);
  }
}

}  // namespace
}  // namespace saccade::resilience
