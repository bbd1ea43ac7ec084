#include "runtime/memory_in_flight.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::runtime {
namespace {

TEST(MemoryInFlight, IsNeverMoreThanItsLimit) {
  MemoryInFlight memory;
  memory.set_limit(100);
  EXPECT_TRUE(memory.try_add(60));
  EXPECT_FALSE(memory.full(15));
  EXPECT_TRUE(memory.full(16));
  EXPECT_FALSE(memory.try_add(41));
  EXPECT_EQ(memory.bytes(), 60U);
  EXPECT_TRUE(memory.try_add(40));
  memory.remove(60);
  EXPECT_EQ(memory.bytes(), 40U);
}

TEST(MemoryInFlight, HasNoLimitUnlessOneIsSet) {
  MemoryInFlight memory;
  EXPECT_TRUE(memory.try_add(std::uint64_t{1} << 50));
  EXPECT_FALSE(memory.full(std::uint64_t{1} << 50));
}

TEST(MemoryInFlight, ComesBackToNothing) {
  MemoryInFlight memory;
  memory.set_limit(5);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i)
        if (memory.try_add(2)) memory.remove(2);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(memory.bytes(), 0U);
}

}  // namespace
}  // namespace saccade::runtime
