// Equal requests that are under way at once: one leads, each of the others is heard of exactly once.
#include "cache/flights.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::cache {
namespace {

Key key(std::uint64_t number) {
  return {.copy = number, .digest = {}};
}

TEST(FlightsTest, TheFirstLeadsAndTheOthersWait) {
  Flights<int> flights;
  EXPECT_TRUE(flights.lead_or_wait(key(1), 10));
  EXPECT_FALSE(flights.lead_or_wait(key(1), 11));
  EXPECT_FALSE(flights.lead_or_wait(key(1), 12));
  EXPECT_TRUE(flights.lead_or_wait(key(2), 20)) << "another key";
  EXPECT_EQ(flights.land(key(1)), (std::deque<int>{11, 12}));
  EXPECT_TRUE(flights.lead_or_wait(key(1), 13)) << "the flight has ended";
}

TEST(FlightsTest, TheOneThatWaitedLongestTakesOver) {
  Flights<int> flights;
  EXPECT_TRUE(flights.lead_or_wait(key(1), 10));
  EXPECT_FALSE(flights.lead_or_wait(key(1), 11));
  EXPECT_FALSE(flights.lead_or_wait(key(1), 12));
  EXPECT_EQ(flights.promote(key(1)), 11);
  EXPECT_FALSE(flights.lead_or_wait(key(1), 13)) << "it still goes on";
  EXPECT_EQ(flights.promote(key(1)), 12);
  EXPECT_EQ(flights.promote(key(1)), 13);
  EXPECT_EQ(flights.promote(key(1)), std::nullopt);
  EXPECT_TRUE(flights.lead_or_wait(key(1), 14)) << "with nobody left it has ended";
}

TEST(FlightsTest, NobodyIsForgottenAmongManyThreads) {
  Flights<int> flights;
  std::atomic<int> led{0};
  std::atomic<int> landed{0};
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const Key which = key(static_cast<std::uint64_t>(i % 3));
        if (!flights.lead_or_wait(which, 1)) continue;
        ++led;
        for (const int one : flights.land(which)) landed += one;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(led + landed, kThreads * kEach);
}

}  // namespace
}  // namespace saccade::cache
