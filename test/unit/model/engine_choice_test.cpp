// The rule by which an engine is picked, on figures made up for it.
#include "model/engine_choice.h"

#include <gtest/gtest.h>

namespace saccade::model {
namespace {

using namespace std::chrono_literals;

CandidateFigures figures(const char* engine, int threads, std::size_t instances, base::Duration alone,
                         std::vector<CandidateFigures::Size> sizes) {
  return {
      .candidate = {engine, threads, instances}, .alone = alone, .sizes = std::move(sizes), .measured = true};
}

std::string chosen(const std::vector<CandidateFigures>& all, const request::Objective& objective = {},
                   bool lone_sessions = false) {
  return to_text(all[choose(all, objective, lone_sessions)].candidate);
}

TEST(EngineChoice, TakesTheHighestThroughputAtTheBestBatchSize) {
  EXPECT_EQ(chosen({figures("a", 1, 2, 10ms, {{1, 200}, {8, 150}}),
                    figures("b", 1, 2, 12ms, {{1, 160}, {8, 260}})}),
            "b/1 thread");
}

TEST(EngineChoice, OfEqualThroughputsTheShorterLoneRun) {
  EXPECT_EQ(chosen({figures("a", 1, 2, 10ms, {{1, 200}}), figures("a", 2, 1, 5100us, {{1, 196}})}),
            "a/2 threads");
  EXPECT_EQ(chosen({figures("a", 1, 2, 10ms, {{1, 200}}), figures("a", 2, 1, 5400us, {{1, 185}})}),
            "a/1 thread")
      << "8 % are not equal";
}

TEST(EngineChoice, WhereALoneRequestMayHaveThemMoreThreadsForAllMustDoATenthMore) {
  const auto pick = [](double singles, double in_batches) {
    return chosen({figures("a", 1, 2, 10ms, {{1, 200}, {8, 190}}),
                   figures("a", 2, 1, 5100us, {{1, singles}, {8, in_batches}})},
                  {}, true);
  };
  EXPECT_EQ(pick(196, 210), "a/1 thread");
  EXPECT_EQ(pick(150, 225), "a/1 thread") << "a little more than a tenth can be noise";
  EXPECT_EQ(pick(150, 240), "a/2 threads");
  EXPECT_EQ(pick(226, 150), "a/2 threads") << "of two that nobody can tell apart";
  EXPECT_EQ(chosen({figures("a", 1, 2, 10ms, {{1, 200}}), figures("a", 2, 1, 6ms, {{1, 160}})},
                   {.latency = 15ms}, true),
            "a/2 threads")
      << "the objective needs it";
  EXPECT_EQ(chosen({figures("a", 1, 2, 10ms, {{1, 200}}), figures("b", 2, 1, 9ms, {{1, 210}})}, {}, true),
            "b/2 threads")
      << "an engine of its own";
}

TEST(EngineChoice, AnObjectiveMustHoldTwoRuns) {
  const std::vector<CandidateFigures> all{figures("a", 1, 4, 20ms, {{1, 200}}),  // a run: 20 ms
                                          figures("a", 4, 1, 6ms, {{1, 160}})};  // a run: 6.25 ms
  EXPECT_EQ(chosen(all), "a/1 thread");
  EXPECT_EQ(chosen(all, {.latency = 41ms}), "a/1 thread");
  EXPECT_EQ(chosen(all, {.latency = 39ms}), "a/4 threads");
  EXPECT_EQ(chosen(all, {.latency = 5ms}), "a/4 threads") << "none fits: the shortest lone run";
}

TEST(EngineChoice, AnObjectiveLeavesOutLargeBatches) {
  // b's batches of 8 take 80 ms, its single runs 25 ms, four items so about 49 ms.
  const std::vector<CandidateFigures> all{figures("a", 1, 1, 20ms, {{1, 50}}),
                                          figures("b", 1, 1, 25ms, {{1, 40}, {8, 100}})};
  EXPECT_EQ(chosen(all), "b/1 thread");
  EXPECT_EQ(chosen(all, {.latency = 100ms}), "b/1 thread") << "82/s in batches of 4";
  EXPECT_EQ(chosen(all, {.latency = 60ms}), "a/1 thread");
}

TEST(EngineChoice, WhatWasNotMeasuredIsNotTaken) {
  std::vector<CandidateFigures> all{figures("a", 1, 1, 1ms, {}), figures("b", 1, 1, 20ms, {{1, 50}})};
  all[0].measured = false;
  EXPECT_EQ(chosen(all), "b/1 thread");
  all[1].measured = false;
  EXPECT_EQ(chosen(all), "a/1 thread") << "the reference, where nothing is known";
}

TEST(EngineChoice, ALoneRequestHasMoreThreadsWhereThatIsClearlyShorter) {
  const auto all = [](base::Duration two, base::Duration four) {
    return std::vector{figures("a", 1, 4, 10ms, {{1, 400}}), figures("a", 2, 2, two, {{1, 350}}),
                       figures("a", 4, 1, four, {{1, 300}}), figures("b", 4, 1, 1ms, {{1, 90}})};
  };
  EXPECT_EQ(lone_threads(all(6ms, 4ms), 0, false), 4);
  EXPECT_EQ(lone_threads(all(6ms, 7ms), 0, false), 2);
  EXPECT_EQ(lone_threads(all(9500us, 9200us), 0, false), 1) << "not worth a session";
  EXPECT_EQ(lone_threads(all(6ms, 7ms), 2, false), 4) << "fewer are never better";
  EXPECT_EQ(lone_threads(all(20ms, 30ms), 0, true), 4) << "on a busy machine they say nothing";
  auto unknown = all(6ms, 4ms);
  unknown[2].measured = false;
  EXPECT_EQ(lone_threads(unknown, 0, false), 2);
  unknown[0].measured = false;
  EXPECT_EQ(lone_threads(unknown, 0, false), 1);
}

TEST(EngineChoice, IsSaidForPeople) {
  EXPECT_EQ(to_text(figures("a", 1, 1, 41us, {{1, 60'210}, {8, 74'880}})),
            "41.0 µs alone, 60210/s, 74880/s in batches of 8");
  EXPECT_EQ(to_text(figures("a", 1, 1, 16'400us, {{1, 61.2}})), "16.4 ms alone, 61.2/s");
}

}  // namespace
}  // namespace saccade::model
