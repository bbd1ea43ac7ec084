// What stays in memory and what goes: the bound, the times, and that a scan does not sweep the cache out.
#include "cache/memory_tier.h"

#include <atomic>
#include <cmath>
#include <list>
#include <random>
#include <thread>
#include <unordered_map>

#include <gtest/gtest.h>

namespace saccade::cache {
namespace {

using namespace std::chrono_literals;

const base::TimePoint kStart{1h};

Key key_of_number(std::uint64_t number) {
  Hasher hasher;
  hasher.add_number(number);
  return {.copy = 1, .digest = hasher.finish()};
}

AnswerPointer answer(float value, base::TimePoint made = kStart, base::Duration lifetime = 60s,
                     std::int64_t elements = 1) {
  std::vector<tensor::Tensor> outputs;
  outputs.emplace_back(tensor::DataType::kFp32, tensor::Shape{elements});
  for (float& element : outputs.back().as<float>()) element = value;
  return std::make_shared<const StoredAnswer>(std::move(outputs), made, lifetime);
}

float value_of(const AnswerPointer& found) {
  return found->outputs()[0].view().as<float>()[0];
}

std::size_t cost_of_one() {
  return answer(0)->bytes() + MemoryTier::kEntryBytes;
}

class MemoryTierTest : public testing::Test {
 protected:
  observe::Registry registry_;
  Metrics metrics_{registry_};
};

TEST_F(MemoryTierTest, KeepsWhatWasPutIn) {
  MemoryTier tier(1 << 20, metrics_);
  EXPECT_EQ(tier.find(key_of_number(1), kStart), nullptr);
  const AnswerPointer put = answer(7);
  tier.insert(key_of_number(1), put, kStart);
  EXPECT_EQ(tier.find(key_of_number(1), kStart), put) << "the same object, not a copy";
  EXPECT_EQ(tier.find(key_of_number(2), kStart), nullptr);
  Key other_copy = key_of_number(1);
  other_copy.copy = 2;
  EXPECT_EQ(tier.find(other_copy, kStart), nullptr) << "another loaded copy of the model has its own";
}

TEST_F(MemoryTierTest, ReplacesUnderTheSameKey) {
  MemoryTier tier(1 << 20, metrics_);
  tier.insert(key_of_number(1), answer(1), kStart);
  tier.insert(key_of_number(1), answer(2), kStart);
  EXPECT_EQ(value_of(tier.find(key_of_number(1), kStart)), 2);
  EXPECT_EQ(tier.entries(), 1U);
  EXPECT_EQ(tier.bytes(), cost_of_one());
}

TEST_F(MemoryTierTest, EndsWithItsTime) {
  MemoryTier tier(1 << 20, metrics_);
  tier.insert(key_of_number(1), answer(1, kStart, 10s), kStart);
  EXPECT_NE(tier.find(key_of_number(1), kStart + 10s - 1ns), nullptr);
  EXPECT_EQ(tier.find(key_of_number(1), kStart + 10s), nullptr);
  EXPECT_EQ(tier.entries(), 0U) << "what has ended gives its room back when it is asked for";
  EXPECT_EQ(tier.bytes(), 0U);
  EXPECT_EQ(metrics_.evicted_expired.value(), 1U);
  tier.insert(key_of_number(2), answer(1, kStart - 20s, 10s), kStart);
  EXPECT_EQ(tier.entries(), 0U) << "what has ended before it came is not kept";
}

TEST_F(MemoryTierTest, NeverHoldsMoreThanItsBytes) {
  constexpr std::size_t kCapacity = 64 * 1024;
  MemoryTier tier(kCapacity, metrics_);
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto number = random() % 3000;
    if (tier.find(key_of_number(number), kStart) == nullptr) {
      tier.insert(key_of_number(number), answer(1, kStart, 60s, 1 + static_cast<int>(random() % 500)),
                  kStart);
    }
    ASSERT_LE(tier.bytes(), kCapacity);
  }
  EXPECT_GT(tier.entries(), 10U);
  EXPECT_EQ(metrics_.bytes.value(), static_cast<std::int64_t>(tier.bytes()));
  EXPECT_EQ(metrics_.entries.value(), static_cast<std::int64_t>(tier.entries()));
  EXPECT_GT(metrics_.evicted_for_room.value(), 0U);
}

TEST_F(MemoryTierTest, DoesNotKeepWhatIsLargerThanItself) {
  MemoryTier tier(4096, metrics_);
  tier.insert(key_of_number(1), answer(1), kStart);
  tier.insert(key_of_number(2), answer(1, kStart, 60s, 4096), kStart);
  EXPECT_NE(tier.find(key_of_number(1), kStart), nullptr) << "nothing has to go for what does not fit anyway";
  EXPECT_EQ(tier.find(key_of_number(2), kStart), nullptr);
}

TEST_F(MemoryTierTest, GivesItsFiguresBackAtTheEnd) {
  {
    MemoryTier tier(1 << 20, metrics_);
    tier.insert(key_of_number(1), answer(1), kStart);
    EXPECT_GT(metrics_.bytes.value(), 0);
  }
  EXPECT_EQ(metrics_.bytes.value(), 0);
  EXPECT_EQ(metrics_.entries.value(), 0);
}

// What is compared with: least recently used goes first.
class Lru {
 public:
  explicit Lru(std::size_t most) : most_(most) {}
  bool find_or_insert(std::uint64_t number) {
    if (const auto found = index_.find(number); found != index_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (index_.size() == most_) {
      index_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(number);
    index_[number] = order_.begin();
    return false;
  }

 private:
  const std::size_t most_;
  std::list<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> index_;
};

// A few inputs that many ask for, by Zipf's law, and now and then a long row of inputs that come once.
std::vector<std::uint64_t> trace_with_scans() {
  std::mt19937_64 random(7);
  std::vector<double> weights;
  for (int rank = 1; rank <= 5000; ++rank) weights.push_back(1.0 / rank);
  std::discrete_distribution<std::uint64_t> zipf(weights.begin(), weights.end());
  std::vector<std::uint64_t> trace;
  std::uint64_t once = 1'000'000;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 2000; ++i) trace.push_back(zipf(random));
    for (int i = 0; i < 1000; ++i) trace.push_back(once++);
  }
  return trace;
}

TEST_F(MemoryTierTest, ResistsScansThatSweepLruOut) {
  constexpr std::size_t kEntries = 500;
  MemoryTier tier(kEntries * cost_of_one(), metrics_, 1);
  Lru lru(kEntries);
  int hits = 0;
  int lru_hits = 0;
  int asked = 0;
  for (const std::uint64_t number : trace_with_scans()) {
    const bool once = number >= 1'000'000;
    asked += once ? 0 : 1;
    lru_hits += lru.find_or_insert(number) ? 1 : 0;
    if (tier.find(key_of_number(number), kStart) != nullptr) {
      ++hits;
    } else {
      tier.insert(key_of_number(number), answer(1), kStart);
    }
  }
  RecordProperty("hits", hits);
  RecordProperty("lru_hits", lru_hits);
  EXPECT_GT(hits, lru_hits * 1.05) << "of " << asked;
}

TEST_F(MemoryTierTest, KeepsWhatIsAskedForThroughOneLongScan) {
  constexpr std::size_t kEntries = 200;
  MemoryTier tier(kEntries * cost_of_one(), metrics_, 1);
  for (int round = 0; round < 4; ++round) {
    for (std::uint64_t number = 0; number < 100; ++number) {
      if (tier.find(key_of_number(number), kStart) == nullptr) {
        tier.insert(key_of_number(number), answer(1), kStart);
      }
    }
  }
  for (std::uint64_t number = 1000; number < 11'000; ++number) {
    tier.insert(key_of_number(number), answer(1), kStart);
  }
  int kept = 0;
  for (std::uint64_t number = 0; number < 100; ++number) {
    kept += tier.find(key_of_number(number), kStart) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(kept, 100);
}

TEST_F(MemoryTierTest, IsSafeFromManyThreads) {
  constexpr std::size_t kCapacity = 128 * 1024;
  MemoryTier tier(kCapacity, metrics_, 4);
  std::atomic<bool> wrong{false};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(thread);
      for (int i = 0; i < 5000; ++i) {
        const auto number = static_cast<std::uint64_t>(random() % 400);
        const Key key = key_of_number(number);
        const base::TimePoint now = kStart + std::chrono::milliseconds(i);
        if (const AnswerPointer found = tier.find(key, now)) {
          if (value_of(found) != static_cast<float>(number)) wrong = true;
        } else {
          tier.insert(key, answer(static_cast<float>(number), now, 1s, 16), now);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
  EXPECT_LE(tier.bytes(), kCapacity);
  EXPECT_EQ(metrics_.bytes.value(), static_cast<std::int64_t>(tier.bytes()));
}

}  // namespace
}  // namespace saccade::cache
