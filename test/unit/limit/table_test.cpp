#include "limit/table.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "limit/siphash.h"

namespace saccade::limit {
namespace {

using namespace std::chrono_literals;

Rate rate(base::Duration interval, std::int64_t burst) {
  return {.interval = interval, .tolerance = interval * (burst - 1)};
}

TEST(SipHash, IsThePapersExample) {
  const SipKey key{.first = 0x0706050403020100U, .second = 0x0f0e0d0c0b0a0908U};
  std::string message;
  for (char c = 0; c < 15; ++c) message += c;
  EXPECT_EQ(siphash(key, message), 0xa129ca6149be45e5U);
}

TEST(Table, LetsTheBurstInAndThenOneForEachInterval) {
  Table table(rate(10ms, 5), 100);
  base::TimePoint now{1'000s};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(table.take(1, now).allowed);
  EXPECT_FALSE(table.take(1, now).allowed);
  EXPECT_TRUE(table.take(2, now).allowed);  // somebody else
  EXPECT_EQ(table.rate().wait(table.look(1, now), now), 10ms);
  EXPECT_FALSE(table.take(1, now + 10ms - 1ns).allowed);
  EXPECT_TRUE(table.take(1, now + 10ms).allowed);
  EXPECT_FALSE(table.take(1, now + 10ms).allowed);
  now += 10s;  // full again, and no more than that
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(table.rate().remaining(table.look(1, now), now), 5 - i);
    EXPECT_TRUE(table.take(1, now).allowed);
  }
  EXPECT_FALSE(table.take(1, now).allowed);
}

TEST(Table, WhatIsGivenBackMayBeTakenAgain) {
  Table table(rate(10ms, 1), 100);
  const base::TimePoint now{1'000s};
  const auto taken = table.take(1, now);
  ASSERT_TRUE(taken.allowed);
  table.give_back(1, taken.theoretical, now);
  const auto again = table.take(1, now);
  EXPECT_TRUE(again.allowed);
  table.give_back(1, again.theoretical, now + 10ms);  // it weighs nothing any more
  EXPECT_TRUE(table.take(1, now + 10ms).allowed);
  EXPECT_FALSE(table.take(1, now + 10ms).allowed);
}

TEST(Table, NobodyGetsMoreWhereItIsFull) {
  Table table(rate(10ms, 3), 8);  // one set of eight
  const base::TimePoint now{1'000s};
  for (std::uint64_t key = 0; key < 8; ++key) EXPECT_TRUE(table.take(key, now).allowed);
  int allowed = 0;
  for (std::uint64_t key = 100; key < 200; ++key) allowed += table.take(key, now).allowed ? 1 : 0;
  EXPECT_EQ(allowed, 3);  // all those together
  EXPECT_EQ(table.shared(), 100U);
  for (std::uint64_t key = 0; key < 8; ++key) {  // those that have a place keep it
    EXPECT_TRUE(table.take(key, now).allowed);
    EXPECT_TRUE(table.take(key, now).allowed);
    EXPECT_FALSE(table.take(key, now).allowed);
  }
  EXPECT_FALSE(table.take(300, now).allowed);
  for (std::uint64_t key = 100; key < 108; ++key) EXPECT_TRUE(table.take(key, now + 30ms).allowed);
}

TEST(Table, TimeDoesNotGoBackForThoseWhoWereHeldUp) {
  Table table(rate(10ms, 1), 8);
  const base::TimePoint now{1'000s};
  EXPECT_TRUE(table.take(1, now).allowed);
  EXPECT_TRUE(table.take(2, now + 20ms).allowed);  // makes place by the later time
  EXPECT_TRUE(table.take(1, now + 5ms).allowed);   // by then it is 20 ms
  EXPECT_FALSE(table.take(1, now + 29ms).allowed);
}

// 8 threads try as often as they can; what is let in is exactly what the rate lets in, whoever comes first.
TEST(Table, IsExactWhoeverCallsAtTheSameTime) {
  Table table(rate(1ms, 100), 1024);
  constexpr int kKeys = 3;
  const base::TimePoint begin{1'000s};
  std::atomic<std::int64_t> tick{0};
  std::array<std::atomic<int>, kKeys> allowed{};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const base::TimePoint now = begin + 10us * tick.fetch_add(1);
        for (std::uint64_t key = 0; key < kKeys; ++key)
          if (table.take(key, now).allowed) ++allowed[key];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // 160,000 ticks of 10 µs are 1.6 s less one tick: the burst, and one for each millisecond that has passed.
  for (const auto& count : allowed) EXPECT_EQ(count.load(), 100 + 1599);
}

TEST(Table, ACallThatTwoRulesCountIsExactToo) {
  Table wide(rate(1s, 1000), 64);
  Table narrow(rate(1s, 10), 64);
  const base::TimePoint now{1'000s};
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const auto first = wide.take(1, now);
        if (!first.allowed) continue;
        if (narrow.take(1, now).allowed) {
          ++allowed;
        } else {
          wide.give_back(1, first.theoretical, now);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(allowed.load(), 10);
  EXPECT_EQ(wide.rate().remaining(wide.look(1, now), now), 990);
}

}  // namespace
}  // namespace saccade::limit
