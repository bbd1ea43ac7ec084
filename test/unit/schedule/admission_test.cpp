// What becomes of promises, and what is learnt from them: answers made up.
#include "schedule/admission.h"

#include <gtest/gtest.h>

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using base::TimePoint;

class AdmissionTest : public testing::Test {
 protected:
  static constexpr TimePoint kStart{1h};

  // Expected after 4 ms, give or take 1 ms, and promised within 10 ms.
  static Promise promise(std::uint64_t level = 0) {
    Promise made;
    made.begun = kStart;
    made.expected = kStart + 4ms;
    made.limit = made.drop_after = kStart + 10ms;
    made.risk = 1ms;
    made.ran = kStart + 3ms;
    made.level = level;
    made.forecast = true;
    return made;
  }
  void answer(const Promise& made, base::Duration after, int times = 1) {
    for (int i = 0; i < times; ++i) admission_.answered({&made, 1}, kStart + after, metrics_);
  }

  observe::Registry registry_;
  ModelMetrics metrics_{registry_, "m", "1"};
  Admission admission_{request::Objective{.latency = 10ms}};
};

TEST_F(AdmissionTest, CountsWhatIsLateAndTheShareKept) {
  EXPECT_DOUBLE_EQ(admission_.kept(), 1);
  answer(promise(), 4ms, 99);
  answer(promise(), 11ms);
  EXPECT_EQ(admission_.answered(), 100U);
  EXPECT_EQ(admission_.late(), 1U);
  EXPECT_LT(admission_.kept(), 1);
  EXPECT_GT(admission_.kept(), .99);
  EXPECT_EQ(metrics_.late.value(), 1U);
}

TEST_F(AdmissionTest, LearnsWhatAnAnswerNeedsAfterItsRun) {
  EXPECT_EQ(admission_.after_run(), 0ms);
  answer(promise(), 4ms, 500);
  EXPECT_NEAR(base::seconds(admission_.after_run()), .001, 1e-4);
  EXPECT_GE(admission_.after_run_likely(), admission_.after_run());
}

TEST_F(AdmissionTest, LateAnswersMakeCarefulEachClassByItself) {
  const double before = admission_.caution(1);
  answer(promise(1), 12ms, 20);
  EXPECT_GT(admission_.caution(1), 2 * before);
  EXPECT_DOUBLE_EQ(admission_.caution(2), before);
  answer(promise(1'000'000), 12ms, 20);
  EXPECT_GT(admission_.caution(7), 2 * before) << "the last class is all that follow";
}

TEST_F(AdmissionTest, ABrokenPromiseCountsAsALateOne) {
  const double before = admission_.caution(0);
  for (int i = 0; i < 5; ++i) admission_.broken(promise());
  EXPECT_GT(admission_.caution(0), 2 * before);
}

TEST_F(AdmissionTest, WhatAnIdleServerCouldNotHaveKeptMakesNobodyCareful) {
  Promise impossible = promise();
  impossible.drop_after = TimePoint::max();
  impossible.forecast = false;
  const double before = admission_.caution(0);
  answer(impossible, 12ms, 20);
  EXPECT_LE(admission_.caution(0), before);
  EXPECT_EQ(admission_.late(), 20U) << "late they are";
}

TEST_F(AdmissionTest, OnesWithoutALimitAreOnlyCounted) {
  Promise free;
  free.ran = kStart;
  answer(free, 1s, 3);
  EXPECT_EQ(admission_.answered(), 3U);
  EXPECT_EQ(admission_.late(), 0U);
  EXPECT_DOUBLE_EQ(admission_.kept(), 1);
}

TEST_F(AdmissionTest, TrialsThatKeepTheirLimitComeOftenerAndEaseTheCaution) {
  Promise trial = promise();
  trial.trial = true;
  trial.drop_after = TimePoint::max();
  for (int i = 0; i < 50; ++i) admission_.broken(promise());
  const double careful = admission_.caution(0);
  EXPECT_EQ(admission_.between_trials(), 10ms);
  answer(trial, 4ms);
  EXPECT_EQ(admission_.between_trials(), 5ms);
  EXPECT_LT(admission_.caution(0), careful);
  answer(trial, 4ms, 20);
  EXPECT_EQ(admission_.between_trials(), 0ms) << "each may go in";
  answer(trial, 12ms);
  EXPECT_GT(admission_.between_trials(), 1ms);
  answer(trial, 12ms, 20);
  EXPECT_EQ(admission_.between_trials(), 80ms);
}

}  // namespace
}  // namespace saccade::schedule
