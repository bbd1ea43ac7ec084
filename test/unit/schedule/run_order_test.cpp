// Who gets a free place, at times that the test makes up: fair shares, urgency, runs beside the places.
#include "schedule/run_order.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;

// Models that want a run again as soon as they have been granted one, each run taking what it always takes.
// Time goes from one end of a run to the next.
class Order : public testing::Test {
 protected:
  struct Model {
    RunOrder::Member member;
    Duration run_time;
    bool wants = true;
    Duration had{0};       // place time
    std::size_t runs = 0;  // ended
    std::size_t most_running = 0;
    Duration longest_wait{0};
  };

  Model& add(Duration run_time, RunOrder::Member terms = {}) {
    Model& model = *models_.emplace_back(std::make_unique<Model>());
    model.member = terms;
    model.run_time = run_time;
    order().add(model.member);
    return model;
  }
  RunOrder& order() {
    if (!order_) order_.emplace(places_, beside_);
    return *order_;
  }
  void ask(Model& model, Duration within = Duration::max()) {
    const TimePoint start_by = within == Duration::max() ? TimePoint::max() : now_ + within;
    order().want(model.member, now_, start_by);
  }
  // Begins all that may begin; returns how many.
  std::size_t begin() {
    for (const auto& model : models_) {
      if (model->wants && model->member.due == TimePoint::max()) ask(*model);
    }
    std::size_t begun = 0;
    while (const auto grant = order().next(now_)) {
      Model& model = of(*grant->member);
      ++begun;
      beside_now_ += grant->beside ? 1 : 0;
      runs_.push_back({*grant, now_, now_ + model.run_time});
      model.longest_wait = std::max(model.longest_wait, grant->waited);
      model.most_running = std::max(model.most_running, model.member.running);
      most_used_ = std::max(most_used_, order().used());
      order_of_runs_.push_back(&model);
      if (model.wants) ask(model);
    }
    return begun;
  }
  // Until the next run ends.
  void step() {
    const auto next = std::ranges::min_element(runs_, {}, &UnderWay::end);
    ASSERT_NE(next, runs_.end()) << "nothing runs, though somebody wants to";
    now_ = next->end;
    Model& model = of(*next->grant.member);
    model.had += (next->end - next->begun) * static_cast<int>(std::max<std::size_t>(model.member.places, 1));
    ++model.runs;
    order().end(next->grant, now_, true);
    runs_.erase(next);
  }
  void run_for(Duration time) {
    const TimePoint end = now_ + time;
    while (now_ < end && !HasFatalFailure()) {
      begin();
      step();
    }
  }
  Model& of(RunOrder::Member& member) {
    return **std::ranges::find(models_, &member, [](const auto& model) { return &model->member; });
  }
  static double ratio(Duration a, Duration b) {
    return static_cast<double>(a.count()) / static_cast<double>(b.count());
  }

  struct UnderWay {
    RunOrder::Grant grant;
    TimePoint begun;
    TimePoint end;
  };
  std::size_t places_ = 2;
  std::size_t beside_ = 0;
  TimePoint now_{1h};
  std::vector<std::unique_ptr<Model>> models_;
  std::vector<UnderWay> runs_;
  std::vector<Model*> order_of_runs_;
  std::size_t beside_now_ = 0;
  std::size_t most_used_ = 0;

 private:
  std::optional<RunOrder> order_;
};

TEST_F(Order, AModelAloneHasAllPlaces) {
  Model& only = add(10ms, {.most = 8});
  EXPECT_EQ(begin(), 2U);
  EXPECT_EQ(only.member.running, 2U);
}

TEST_F(Order, AModelHasNoMoreRunsThanItsBound) {
  places_ = 8;
  Model& only = add(10ms, {.most = 3});
  run_for(1s);
  EXPECT_EQ(only.most_running, 3U);
}

TEST_F(Order, LongAndShortRunsHaveTheSamePlaceTime) {
  Model& heavy = add(500ms, {.most = 2, .expected = 500ms});
  Model& light = add(2ms, {.most = 2, .expected = 2ms});
  run_for(60s);
  EXPECT_NEAR(ratio(heavy.had, light.had), 1, 0.05);
  EXPECT_LE(most_used_, 2U) << "nothing may run beside where none is allowed";
}

TEST_F(Order, WhatAModelTakesIsLearntWhereItIsNotKnown) {
  Model& heavy = add(50ms, {.most = 2});
  Model& light = add(1ms, {.most = 2});
  run_for(20s);
  EXPECT_NEAR(ratio(heavy.had, light.had), 1, 0.05);
}

TEST_F(Order, WeightsAreKept) {
  Model& three = add(10ms, {.most = 2, .weight = 3, .expected = 10ms});
  Model& one = add(10ms, {.most = 2, .weight = 1, .expected = 10ms});
  run_for(20s);
  EXPECT_NEAR(ratio(three.had, one.had), 3, 0.15);
}

TEST_F(Order, IdleTimeIsNotSavedUp) {
  places_ = 1;
  Model& back = add(10ms, {.expected = 10ms});
  Model& always = add(10ms, {.expected = 10ms});
  Model& third = add(10ms, {.expected = 10ms});
  back.wants = false;
  run_for(10s);
  ASSERT_EQ(back.runs, 0U);
  const std::size_t before = always.runs;
  back.wants = true;
  run_for(300ms);
  EXPECT_NEAR(static_cast<double>(back.runs), 10, 1);
  EXPECT_NEAR(static_cast<double>(always.runs - before), 10, 1) << "the one that was away may not catch up";
  EXPECT_GT(third.runs, 0U);
}

TEST_F(Order, NobodyPaysLaterForWhatNobodyElseWanted) {
  places_ = 1;
  Model& alone = add(1s, {.expected = 1s});
  Model& other = add(1s, {.expected = 1s});
  alone.wants = other.wants = false;
  for (int i = 0; i < 20; ++i) {  // one at a time, never two that wait
    ask(alone);
    ASSERT_EQ(begin(), 1U);
    step();
    ASSERT_EQ(begin(), 0U);
  }
  alone.wants = other.wants = true;
  run_for(4s);
  EXPECT_NEAR(static_cast<double>(alone.runs - 20), 2, 1);
  EXPECT_NEAR(static_cast<double>(other.runs), 2, 1);
}

TEST_F(Order, ThreadsTimesRunsStayWithinThePlaces) {
  places_ = 4;
  add(10ms, {.places = 2, .most = 2, .expected = 10ms});
  add(7ms, {.places = 3, .most = 1, .expected = 7ms});
  add(3ms, {.places = 1, .most = 4, .expected = 3ms});
  run_for(10s);
  EXPECT_LE(most_used_, 4U);
  for (const auto& model : models_) EXPECT_NEAR(ratio(model->had, models_[0]->had), 1, 0.1);
}

TEST_F(Order, AWideRunIsNotPassedForEver) {
  places_ = 2;
  Model& wide = add(5ms, {.places = 2, .most = 1, .expected = 5ms});
  add(3ms, {.places = 1, .most = 2, .expected = 3ms});
  add(4ms, {.places = 1, .most = 2, .expected = 4ms});
  run_for(10s);
  EXPECT_NEAR(ratio(wide.had, models_[1]->had), 1, 0.1);
}

TEST_F(Order, WhatRunsElsewhereTakesNoPlace) {
  places_ = 1;
  Model& card = add(10ms, {.places = 0, .most = 3, .expected = 10ms});
  Model& here = add(10ms, {.places = 1, .most = 1, .expected = 10ms});
  EXPECT_EQ(begin(), 4U);
  EXPECT_EQ(card.member.running, 3U);
  EXPECT_EQ(here.member.running, 1U);
}

TEST_F(Order, TheUrgentGoFirst) {
  places_ = 1;
  Model& patient = add(20ms, {.expected = 20ms});
  Model& urgent = add(20ms, {.expected = 20ms});
  patient.wants = urgent.wants = false;
  // Both have had one run, the urgent one later: it isn't its turn.
  for (Model* model : {&patient, &urgent}) {
    ask(*model);
    begin();
  }
  step();
  begin();
  ask(patient);
  ask(urgent, 10ms);
  step();
  order_of_runs_.clear();
  begin();
  EXPECT_EQ(order_of_runs_.front(), &urgent) << "in 20 ms it would be too late for it";
  step();
  begin();
  EXPECT_EQ(order_of_runs_.back(), &patient);
}

TEST_F(Order, UrgencyDoesNotBreakFairnessForLong) {
  places_ = 1;
  Model& patient = add(20ms, {.expected = 20ms});
  Model& urgent = add(20ms, {.expected = 20ms});
  urgent.wants = false;
  for (int i = 0; i < 500; ++i) {
    if (urgent.member.due == TimePoint::max()) ask(urgent, Duration{0});  // always in a hurry
    begin();
    step();
  }
  EXPECT_LE(urgent.had - patient.had, 200ms);
  EXPECT_GT(urgent.had, patient.had);
}

TEST_F(Order, AShortRunGoesOnBesideLongOnes) {
  beside_ = 1;
  Model& heavy = add(500ms, {.most = 2, .expected = 500ms});
  Model& light = add(2ms, {.most = 2, .expected = 2ms});
  light.wants = false;
  ASSERT_EQ(begin(), 2U);
  for (int i = 0; i < 50; ++i) {
    now_ += 3ms;
    ask(light);
    ASSERT_EQ(begin(), 1U) << "asked " << i;
    EXPECT_EQ(order().used(), 3U);
    step();
  }
  EXPECT_EQ(light.longest_wait, 0ms);
  EXPECT_EQ(beside_now_, 50U);
  EXPECT_EQ(heavy.member.running, 2U);
}

TEST_F(Order, NoMoreGoOnBesideThanMay) {
  beside_ = 1;
  add(500ms, {.most = 2, .expected = 500ms});
  for (int i = 0; i < 3; ++i) add(2ms, {.most = 2, .expected = 2ms}).wants = false;
  ASSERT_EQ(begin(), 2U);
  for (const auto& model : models_) model->wants = true;
  EXPECT_EQ(begin(), 1U);
  EXPECT_EQ(order().used(), 3U);
  run_for(30s);
  EXPECT_EQ(most_used_, 3U);
  EXPECT_GT(models_[0]->runs, 0U);
}

TEST_F(Order, WhatRunsBesideTakesUpTheNextFreePlace) {
  beside_ = 1;
  Model& heavy = add(100ms, {.most = 2, .expected = 100ms});
  Model& light = add(20ms, {.most = 1, .expected = 20ms});
  light.wants = false;
  begin();
  now_ += 10ms;
  ask(light);
  ASSERT_EQ(begin(), 1U);
  runs_.back().end = now_ + 1s;  // it takes longer than it ever did
  step();                        // one of the heavy ends
  EXPECT_EQ(begin(), 0U) << "its place is taken by the run that began beside";
  EXPECT_EQ(order().used(), 2U);
  EXPECT_TRUE(order().contended());
  EXPECT_EQ(heavy.member.running, 1U);
}

TEST_F(Order, ARunOfTheSameLengthWaitsForAPlace) {
  beside_ = 1;
  add(10ms, {.most = 2, .expected = 10ms});
  Model& same = add(10ms, {.most = 2, .expected = 10ms});
  same.wants = false;
  begin();
  ask(same);
  EXPECT_EQ(begin(), 0U);
  EXPECT_EQ(beside_now_, 0U);
}

TEST_F(Order, ALightModelAmongSaturatedHeavyOnesWaitsForNoRunOfTheirs) {
  beside_ = 1;
  add(500ms, {.most = 2, .expected = 500ms});
  add(300ms, {.most = 2, .expected = 300ms});
  Model& light = add(2ms, {.most = 1, .expected = 2ms});
  light.wants = false;
  TimePoint ask_at = now_ + 7ms;
  while (now_ < TimePoint(1h) + 60s && !HasFatalFailure()) {
    begin();
    const auto next = std::ranges::min_element(runs_, {}, &UnderWay::end);
    if (ask_at < next->end) {
      now_ = ask_at;
      ask_at += 7ms;
      if (light.member.due == TimePoint::max()) ask(light);
      continue;
    }
    step();
  }
  EXPECT_GT(light.runs, 5000U);
  EXPECT_LE(light.longest_wait, 4 * 2ms)
      << "a place becomes free within four of its own runs, or it goes beside";
}

TEST_F(Order, InstancesThatCanBeCountedOnFollowTheOthers) {
  places_ = 4;
  Model& heavy = add(20ms, {.most = 4, .expected = 20ms});
  Model& other = add(20ms, {.most = 4, .expected = 20ms});
  other.wants = false;
  run_for(10s);
  EXPECT_EQ(order().instances(heavy.member), 4U);
  other.wants = true;
  run_for(10s);
  EXPECT_EQ(order().instances(heavy.member), 2U);
  EXPECT_EQ(order().instances(other.member), 2U);
}

TEST_F(Order, SaysWhenTheNextIsDue) {
  Model& later = add(10ms, {.expected = 10ms});
  later.wants = false;
  EXPECT_EQ(order().next_due(now_), TimePoint::max());
  order().want(later.member, now_ + 5ms, TimePoint::max());
  EXPECT_EQ(begin(), 0U);
  EXPECT_EQ(order().next_due(now_), now_ + 5ms);
  now_ += 5ms;
  EXPECT_EQ(begin(), 1U);
}

}  // namespace
}  // namespace saccade::schedule
