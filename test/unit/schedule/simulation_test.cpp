// Whether the objective is kept: simulated models like real ones, under loads from half of what they can do
// to ten times that. Time is made up and chance has a seed, so that each test comes out the same everywhere.
#include "simulation.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;

struct Model {
  const char* name;
  RunTable table;
  std::int64_t max_batch_size;
  base::Duration objective;
};

// Measured run times: a small classifier of text lines, a file-type detector, an object detector, whose
// batches don't pay, and a recogniser, whose batches cost.
const std::vector<Model>& models() {
  static const std::vector<Model> models{
      {"classifier",
       {.times = {{1, .9e-3}, {2, 1.6e-3}, {4, 3e-3}, {8, 5.6e-3}, {16, 11e-3}, {32, 22e-3}}},
       32,
       10ms},
      {"detector", {.times = {{1, 6e-3}, {2, 11e-3}, {4, 21e-3}, {8, 40e-3}}}, 8, 50ms},
      {"yolo", {.times = {{1, 16e-3}, {2, 31.5e-3}, {4, 63e-3}}}, 4, 100ms},
      {"recogniser", {.times = {{1, 18.7e-3}, {2, 44e-3}, {4, 96e-3}, {8, 202e-3}}}, 8, 100ms}};
  return models;
}

constexpr std::size_t kInstances = 2;

class KeptObjective : public testing::TestWithParam<std::size_t> {
 protected:
  const Model& model() const { return models()[GetParam()]; }
  double capacity() const { return model().table.capacity() * kInstances; }
  double length() const { return std::max(10.0, 4000 / capacity()); }
  BatchPolicy policy() const {
    BatchPolicy policy;
    policy.objective.latency = model().objective;
    policy.max_batch_size = model().max_batch_size;
    policy.measured = model().table.measured();
    return policy;
  }
  void expect_kept(Outcome outcome, const std::string& when) const {
    EXPECT_LE(outcome.quantile(.99), base::seconds(model().objective)) << model().name << ", " << when;
    const auto turned_away = static_cast<double>(outcome.refused + outcome.dropped);
    // Whoever is turned away is told at once, but for a few.
    if (outcome.refused > 1000) {
      EXPECT_LE(static_cast<double>(outcome.dropped), .01 * turned_away) << when;
    }
  }
};

TEST_P(KeptObjective, AtAnyLoadAndOverloadCostsNoGoodput) {
  double best = 0;
  std::vector<std::pair<double, double>> overloaded;
  for (const double load : {.5, .8, .95, 1.2, 2., 10.}) {
    Simulation simulation(model().table, policy(), kInstances, 7);
    const Outcome outcome = simulation.run(load * capacity(), length());
    expect_kept(outcome, "load " + std::to_string(load));
    const double goodput = static_cast<double>(outcome.in_time) / length();
    best = std::max(best, goodput);
    if (load > 1) overloaded.emplace_back(load, goodput);
    if (load == .5) {
      EXPECT_GE(goodput, .98 * .5 * capacity()) << "a quiet server refuses hardly anybody";
    }
  }
  for (const auto& [load, goodput] : overloaded) EXPECT_GE(goodput, .95 * best) << "load " << load;
  EXPECT_GE(best, .88 * capacity());
}

TEST_P(KeptObjective, WhenTheLoadGrowsTenfoldAtOnce) {
  Simulation simulation(model().table, policy(), kInstances, 3);
  const double half = length() / 2;
  const auto outcomes = simulation.run(
      {{.rate = [&](double at) { return (at < half ? .2 : 2) * capacity(); }, .most = 2 * capacity()}},
      length());
  expect_kept(outcomes.front(), "a step from 0.2 to 2");
}

TEST_P(KeptObjective, OnAMachineThatHoldsRunsUp) {
  RunTable table = model().table;
  table.noise = .15;
  table.hiccups = .01;
  table.hiccup = 2;
  for (const double load : {.8, 2.}) {
    Simulation simulation(table, policy(), kInstances, 5);
    expect_kept(simulation.run(load * capacity(), length()), "load " + std::to_string(load));
  }
}

TEST_P(KeptObjective, WhenTheMachineBecomesSlowerByHalf) {
  Simulation simulation(model().table, policy(), kInstances, 11);
  simulation.at(length() / 4, [&] { simulation.set_pace(1.5); });
  expect_kept(simulation.run(1.5 * capacity(), 4 * length()), "at a pace of 1.5");
}

TEST_P(KeptObjective, LearntFromTrafficAlone) {
  BatchPolicy unmeasured = policy();
  unmeasured.measured.clear();
  Simulation simulation(model().table, unmeasured, kInstances, 13);
  expect_kept(simulation.run(1.5 * capacity(), 4 * length()), "nothing known at first");
}

INSTANTIATE_TEST_SUITE_P(Models, KeptObjective, testing::Range<std::size_t>(0, 4),
                         [](const auto& chosen) { return std::string(models()[chosen.param].name); });

TEST(PriorityClasses, TheMoreUrgentKeepTheirsAndTheOthersAreShedFirst) {
  const Model& model = models()[1];
  BatchPolicy policy;
  policy.objective.latency = model.objective;
  policy.max_batch_size = model.max_batch_size;
  policy.measured = model.table.measured();
  policy.priority_levels = 2;
  policy.default_priority = 2;
  const double capacity = model.table.capacity() * kInstances;
  Simulation simulation(model.table, policy, kInstances, 1);
  // The lower class alone could fill the model twice; the higher takes half of it from the middle on.
  auto outcomes = simulation.run(
      {{.priority = 1, .rate = [&](double at) { return at < 10 ? 0 : .5 * capacity; }, .most = .5 * capacity},
       {.priority = 2, .rate = [&](double) { return 2 * capacity; }, .most = 2 * capacity}},
      20);
  Outcome& urgent = outcomes[0];
  Outcome& other = outcomes[1];
  EXPECT_LE(urgent.quantile(.99), base::seconds(model.objective));
  EXPECT_LE(other.quantile(.99), base::seconds(model.objective));
  EXPECT_LE(static_cast<double>(urgent.refused + urgent.dropped), .02 * static_cast<double>(urgent.offered));
  // What the urgent ones leave is used.
  EXPECT_GE(static_cast<double>(urgent.in_time + other.in_time), .8 * 20 * capacity);
  EXPECT_GT(simulation.planner().report().refused_for_higher, 0U);
}

TEST(BatchesThatDontPay, AreNotMade) {
  const Model& model = models()[3];
  BatchPolicy policy;
  policy.max_batch_size = model.max_batch_size;
  policy.measured = model.table.measured();
  policy.max_queue = 64;
  Simulation simulation(model.table, policy, kInstances, 1);
  const double capacity = model.table.capacity() * kInstances;
  const Outcome outcome = simulation.run(3 * capacity, 20);
  EXPECT_EQ(simulation.planner().report().worth_batching, 1);
  // But for a try now and then.
  EXPECT_LE(static_cast<double>(simulation.items()), 1.03 * static_cast<double>(simulation.runs()));
  EXPECT_GE(static_cast<double>(outcome.latencies.size()), .95 * 20 * capacity);
}

TEST(BatchesThatPay, AreLearntFromTraffic) {
  const Model& model = models()[0];
  BatchPolicy policy;
  policy.max_batch_size = model.max_batch_size;
  policy.max_queue = 256;
  Simulation simulation(model.table, policy, kInstances, 1);
  const double capacity = model.table.capacity() * kInstances;
  const Outcome outcome = simulation.run(2 * capacity, 20);
  EXPECT_GE(static_cast<double>(outcome.latencies.size()), .9 * 20 * capacity);
}

TEST(WithoutAnObjective, NobodyIsRefusedButForRoom) {
  const Model& model = models()[1];
  BatchPolicy policy;
  policy.max_batch_size = model.max_batch_size;
  policy.measured = model.table.measured();
  policy.max_queue = 100'000;
  Simulation simulation(model.table, policy, kInstances, 1);
  const Outcome outcome = simulation.run(3 * model.table.capacity() * kInstances, 5);
  EXPECT_EQ(outcome.refused + outcome.dropped, 0U);
  EXPECT_EQ(outcome.latencies.size(), outcome.offered);
}

TEST(AnObjectiveThatNobodyCanKeep, StillLetsAnIdleServerAnswer) {
  BatchPolicy policy;
  policy.objective.latency = 10ms;
  policy.measured = {{1, 16ms}};
  Simulation simulation({.times = {{1, 16e-3}}}, policy, kInstances, 1);
  const Outcome outcome = simulation.run(5, 20);
  EXPECT_GE(static_cast<double>(outcome.latencies.size()), .95 * static_cast<double>(outcome.offered));
}

// A door that refuses everybody has no more answers to learn from.
TEST(ACautionFarTooGreat, IsLostAgain) {
  const Model& model = models()[0];
  BatchPolicy policy;
  policy.objective.latency = model.objective;
  policy.max_batch_size = model.max_batch_size;
  policy.measured = model.table.measured();
  for (const double load : {.3, 2.}) {
    Simulation simulation(model.table, policy, kInstances, 1);
    simulation.set_unread(.003);
    const double capacity = model.table.capacity() * kInstances;
    const double late = 2;  // seconds, in which all were late
    simulation.at(late, [&] { simulation.make_cautious(); });
    const auto outcomes = simulation.run(
        {{.rate = [&](double at) { return at < late ? 10 : load * capacity; }, .most = load * capacity}}, 12);
    const Outcome& outcome = outcomes.front();
    EXPECT_GE(static_cast<double>(outcome.in_time), .9 * std::min(load, .9) * capacity * (12 - late)) << load;
    EXPECT_LE(outcome.late_share(), .01) << load;
  }
}

// A loop's lane: runs of microseconds, on a machine that holds some up for milliseconds.
TEST(AShortModel, GoesOnThroughHoldUpsOfManyTimesItsRun) {
  const RunTable table{
      .times = {{1, 13e-6}, {8, 70e-6}, {32, 250e-6}}, .noise = .3, .hiccups = .003, .hiccup = 150};
  BatchPolicy policy;
  policy.objective.latency = 10ms;
  policy.max_batch_size = 32;
  policy.measured = table.measured();
  for (const double unread : {.0, .002, .004}) {
    Simulation simulation(table, policy, 1, 1);
    simulation.set_unread(unread);
    const Outcome outcome = simulation.run(20'000, 10);
    EXPECT_GE(static_cast<double>(outcome.in_time), .9 * static_cast<double>(outcome.offered)) << unread;
    EXPECT_LE(outcome.late_share(), .01) << unread;
    Simulation overloaded(table, policy, 1, 1);
    overloaded.set_unread(unread);
    constexpr double kTime = .5;
    const Outcome most = overloaded.run(2 * table.capacity(), kTime);
    EXPECT_GE(static_cast<double>(most.in_time), .75 * kTime * table.capacity()) << unread;
    EXPECT_LE(most.late_share(), .01) << unread;
  }
}

TEST(TheSameSeed, GivesTheSameCourse) {
  const auto course = [] {
    const Model& model = models()[0];
    BatchPolicy policy;
    policy.objective.latency = model.objective;
    policy.max_batch_size = model.max_batch_size;
    policy.measured = model.table.measured();
    return Simulation(model.table, policy, kInstances, 42).run(4000, 2).latencies;
  };
  EXPECT_EQ(course(), course());
}

}  // namespace
}  // namespace saccade::schedule
