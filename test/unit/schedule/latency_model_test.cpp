// What is known of run times after runs made up for it.
#include "schedule/latency_model.h"

#include <random>

#include <gtest/gtest.h>

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using base::Duration;

constexpr double kQuantile = .995;

void learn(LatencyModel& model, std::int64_t items, Duration time, int times = 200) {
  for (int i = 0; i < times; ++i) model.learn(items, time);
}

TEST(LatencyModel, KnowsNothingAtFirstAndWhatWasMeasuredAtOnce) {
  EXPECT_EQ(LatencyModel(8, kQuantile).time(1).mean, 0ms);
  const LatencyModel measured(8, kQuantile, {{1, 10ms}, {8, 40ms}});
  EXPECT_EQ(measured.time(1).mean, 10ms);
  EXPECT_EQ(measured.time(8).mean, 40ms);
  EXPECT_GE(measured.time(1).likely, measured.time(1).mean);
  EXPECT_GT(measured.time(4).mean, 10ms) << "what lies between is between";
  EXPECT_LT(measured.time(4).mean, 40ms);
}

TEST(LatencyModel, FollowsTheMachine) {
  LatencyModel model(1, kQuantile, {{1, 10ms}});
  learn(model, 1, 15ms);
  EXPECT_NEAR(base::seconds(model.time(1).mean), .015, .0005);
  learn(model, 1, 5ms);
  EXPECT_NEAR(base::seconds(model.time(1).mean), .005, .0005);
}

TEST(LatencyModel, ARunThatWasHeldUpSaysLittleOfTheMean) {
  LatencyModel model(1, kQuantile);
  learn(model, 1, 10ms);
  model.learn(1, 10s);
  EXPECT_LT(model.time(1).mean, 11ms);
  EXPECT_GE(model.time(1).likely, model.time(1).mean);
}

TEST(LatencyModel, TheLikelyTimeIsTheQuantileOfRuns) {
  LatencyModel model(1, .95);
  std::mt19937 random(3);
  std::uniform_int_distribution<int> time(10'000, 20'000);  // microseconds
  for (int i = 0; i < 20'000; ++i) model.learn(1, std::chrono::microseconds(time(random)));
  EXPECT_NEAR(base::seconds(model.time(1).mean), .015, .001);
  EXPECT_NEAR(base::seconds(model.time(1).likely), .0195, .0015);
}

TEST(LatencyModel, BatchesAreWorthItAsFarAsTheyCostLessPerItem) {
  LatencyModel pays(8, kQuantile);
  for (const std::int64_t items : {1, 2, 4, 8}) learn(pays, items, 8ms + items * 1ms);
  EXPECT_EQ(pays.worth_batching(), 8);
  LatencyModel costs(8, kQuantile);
  for (const std::int64_t items : {1, 2, 4, 8}) learn(costs, items, items * items * 1ms);
  EXPECT_EQ(costs.worth_batching(), 1);
  LatencyModel level(8, kQuantile);
  for (const std::int64_t items : {1, 2, 4, 8}) learn(level, items, items * 10ms);
  EXPECT_EQ(level.worth_batching(), 1) << "the smallest of those that cost the same";
}

TEST(LatencyModel, LargerSizesThanAreKnownAreTriedStepByStep) {
  LatencyModel model(64, kQuantile);
  EXPECT_EQ(model.worth_batching(), 64) << "nothing is known";
  learn(model, 1, 10us);
  learn(model, 8, 40us);
  EXPECT_EQ(model.worth_batching(), 16);
  learn(model, 16, 60us);
  EXPECT_EQ(model.worth_batching(), 32);
  learn(model, 32, 240us);
  EXPECT_EQ(model.worth_batching(), 16);
}

TEST(LatencyModel, OneLongRunSaysEnough) {
  LatencyModel model(64, kQuantile, {{1, 20ms}, {8, 100ms}});
  EXPECT_EQ(model.worth_batching(), 16);
  model.learn(16, 800ms);
  EXPECT_EQ(model.worth_batching(), 8);
}

TEST(LatencyModel, GuessesAreScaledByTheFirstRuns) {
  LatencyModel model(8, kQuantile, {{1, 10ms}, {8, 40ms}}, true);
  EXPECT_EQ(model.time(8).mean, 40ms);
  EXPECT_EQ(model.largest_run(), 0);
  EXPECT_TRUE(model.guesses());
  model.learn(1, 30ms);
  EXPECT_NEAR(base::seconds(model.time(1).mean), .030, 1e-6);
  EXPECT_NEAR(base::seconds(model.time(8).mean), .120, 1e-6);
  EXPECT_EQ(model.worth_batching(), 8);
  model.learn(8, 360ms);
  EXPECT_NEAR(base::seconds(model.time(8).mean), .360, 1e-6) << "its own run takes a guess's place";
  EXPECT_EQ(model.worth_batching(), 1);
  EXPECT_EQ(model.largest_run(), 8);
  const LatencyModel::Time known = model.time(8);
  learn(model, 1, 30ms);
  EXPECT_EQ(model.time(8).mean, known.mean) << "what was seen is not scaled";
  EXPECT_FALSE(model.guesses());
}

TEST(LatencyModel, ScalesWhatWasMeasuredAtTheLoadByTheMachinesPace) {
  LatencyModel model(64, kQuantile, {{1, 4ms}, {2, 9ms}, {8, 40ms}});
  for (int i = 0; i < 300; ++i) model.learn(1, 2ms);
  EXPECT_NEAR(base::seconds(model.time(1).mean), .002, 1e-5);
  EXPECT_NEAR(base::seconds(model.time(2).mean), .0045, 5e-5) << "has not run since, and compares as it did";
  EXPECT_NEAR(base::seconds(model.time(8).mean), .020, 2e-4);
  for (int i = 0; i < 300; ++i) model.learn(8, 6ms);
  EXPECT_NEAR(base::seconds(model.time(8).mean), .006, 1e-4) << "its own runs";
  EXPECT_NEAR(base::seconds(model.time(1).mean), .002, 1e-5);
}

TEST(LatencyModel, TheFirstRunOfASizeBetweenOthersDoesNotRuleItOut) {
  LatencyModel model(64, kQuantile, {{1, 1ms}, {8, 4ms}});
  const base::Duration expected = model.time(4).mean;
  model.learn(4, 30ms);
  EXPECT_LT(model.time(4).mean, expected + expected / 10) << "memory was made for it";
  model.learn(4, 2ms);
  model.learn(4, 2ms);
  model.learn(4, 2ms);
  EXPECT_NEAR(base::seconds(model.time(4).mean), .002, 1e-5);
}

TEST(LatencyModel, OneHeldUpRunSaysLittleOfThePace) {
  LatencyModel model(64, kQuantile, {{1, 1ms}, {8, 4ms}});
  model.learn(1, 1s);
  EXPECT_LT(model.time(8).mean, 5ms);
}

TEST(LatencyModel, AColdFirstRunIsForgottenSoon) {
  LatencyModel model(1, kQuantile);
  model.learn(1, 150ms);
  learn(model, 1, 50ms, 60);
  EXPECT_LT(model.time(1).likely, 100ms);
}

TEST(LatencyModel, AShorterRunAfterColdOnesBeginsAnew) {
  LatencyModel model(1, kQuantile);
  learn(model, 1, 150ms, 2);
  model.learn(1, 50ms);
  EXPECT_NEAR(base::seconds(model.time(1).mean), .050, 1e-6);
  EXPECT_LT(model.time(1).likely, 60ms);
  learn(model, 1, 50ms, 7);
  model.learn(1, 5ms);
  EXPECT_GT(model.time(1).mean, 40ms) << "eight runs are no cold start";
}

TEST(LatencyModel, SaysWhatARunNeedsYet) {
  LatencyModel model(1, kQuantile);
  learn(model, 1, 10ms);
  EXPECT_NEAR(base::seconds(model.left(1, 0ms)), .010, .0005);
  EXPECT_NEAR(base::seconds(model.left(1, 6ms)), .004, .0005);
  EXPECT_GE(model.left(1, 1s), 0ms);
}

TEST(LatencyModel, ReportsTheSizesThatItKnows) {
  LatencyModel model(64, kQuantile, {{1, 1ms}});
  learn(model, 16, 4ms);
  const auto report = model.report();
  ASSERT_EQ(report.size(), 2U);
  EXPECT_EQ(report[0].items, 1);
  EXPECT_EQ(report[1].items, 16);
}

}  // namespace
}  // namespace saccade::schedule
