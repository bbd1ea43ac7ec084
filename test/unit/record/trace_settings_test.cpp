#include "record/trace_settings.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::record {
namespace {

template <typename T>
Change<T> set(T value) {
  return {Change<T>::Kind::kSet, value};
}
template <typename T>
Change<T> cleared() {
  return {Change<T>::Kind::kClear, {}};
}

int sampled(TraceSampler& sampler, const std::string& model, int requests) {
  int count = 0;
  for (int i = 0; i < requests; ++i) count += sampler.sample(model).has_value() ? 1 : 0;
  return count;
}

TEST(TraceSampler, NothingIsTracedUnlessAsked) {
  TraceSampler sampler;
  EXPECT_EQ(sampled(sampler, "m", 5000), 0);
  EXPECT_FALSE(sampler.settings("").timestamps);
  EXPECT_EQ(sampler.settings("").rate, 1000U);
  EXPECT_EQ(sampler.settings("").count, -1);
}

TEST(TraceSampler, EverySoManiethRequest) {
  TraceSampler sampler;
  ASSERT_TRUE(sampler.change(
      "", {.timestamps = set(true), .rate = set<std::uint64_t>(10), .count = {}, .frequency = {}}));
  EXPECT_EQ(sampled(sampler, "m", 9), 0);
  EXPECT_EQ(sampled(sampler, "m", 1), 1);
  EXPECT_EQ(sampled(sampler, "m", 100), 10);
}

TEST(TraceSampler, ACountIsUsedUp) {
  TraceSampler sampler;
  ASSERT_TRUE(sampler.change("", {.timestamps = set(true),
                                  .rate = set<std::uint64_t>(1),
                                  .count = set<std::int64_t>(3),
                                  .frequency = set<std::uint64_t>(7)}));
  EXPECT_EQ(sampler.sample("m")->frequency, 7U);
  EXPECT_EQ(sampler.settings("").count, 2);
  EXPECT_EQ(sampled(sampler, "m", 10), 2);
  EXPECT_EQ(sampler.settings("").count, 0);
  ASSERT_TRUE(
      sampler.change("", {.timestamps = {}, .rate = {}, .count = cleared<std::int64_t>(), .frequency = {}}));
  EXPECT_EQ(sampled(sampler, "m", 10), 10);
}

TEST(TraceSampler, AModelHasItsOwn) {
  TraceSampler sampler;
  ASSERT_TRUE(
      sampler.change("", {.timestamps = {}, .rate = set<std::uint64_t>(2), .count = {}, .frequency = {}}));
  ASSERT_TRUE(sampler.change(
      "mine", {.timestamps = set(true), .rate = {}, .count = set<std::int64_t>(1), .frequency = {}}));
  EXPECT_EQ(sampled(sampler, "other", 100), 0);
  EXPECT_EQ(sampler.settings("mine").rate, 2U);  // from all models'
  EXPECT_EQ(sampled(sampler, "mine", 100), 1);
  EXPECT_EQ(sampler.settings("").count, -1);  // the model's own count was used up

  ASSERT_TRUE(sampler.change(
      "mine",
      {.timestamps = cleared<bool>(), .rate = {}, .count = cleared<std::int64_t>(), .frequency = {}}));
  EXPECT_FALSE(sampler.settings("mine").timestamps);
  EXPECT_EQ(sampled(sampler, "mine", 100), 0);
}

TEST(TraceSampler, AModelWithoutACountUsesUpThatOfAll) {
  TraceSampler sampler;
  ASSERT_TRUE(sampler.change("", {.timestamps = set(true),
                                  .rate = set<std::uint64_t>(1),
                                  .count = set<std::int64_t>(2),
                                  .frequency = {}}));
  ASSERT_TRUE(sampler.change(
      "mine", {.timestamps = {}, .rate = set<std::uint64_t>(1), .count = {}, .frequency = {}}));
  EXPECT_EQ(sampled(sampler, "mine", 1), 1);
  EXPECT_EQ(sampled(sampler, "other", 1), 1);
  EXPECT_EQ(sampled(sampler, "mine", 5) + sampled(sampler, "other", 5), 0);
}

TEST(TraceSampler, ThereIsAMostOfModelsWithTheirOwn) {
  TraceSampler sampler;
  const TraceChange change{.timestamps = set(true), .rate = {}, .count = {}, .frequency = {}};
  int own = 0;
  while (own < 100'000 && sampler.change("m" + std::to_string(own), change)) ++own;
  EXPECT_EQ(own, 10'000);
  EXPECT_TRUE(sampler.change("m0", change));  // those that have theirs still change them
}

TEST(TraceSampler, ThreadsCountTogether) {
  TraceSampler sampler;
  ASSERT_TRUE(sampler.change("", {.timestamps = set(true),
                                  .rate = set<std::uint64_t>(10),
                                  .count = set<std::int64_t>(250),
                                  .frequency = {}}));
  std::atomic<int> count{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { count += sampled(sampler, "m", 1000); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 250);
}

}  // namespace
}  // namespace saccade::record
