// What only instances of their own do: wait for a fuller batch, run beside each other, end.
#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "on_instances.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using Runs = std::vector<std::int64_t>;

class InstanceScheduler : public OnInstances {
 protected:
  // A lone request's runs go to `split`.
  std::unique_ptr<Scheduler> make_with_lone(FakeModel& split, const BatchPolicy& policy) {
    return make_instance_scheduler(
        pool_,
        {.sessions = sessions_of(model_, 1), .lone = std::make_unique<FakeSession>(split), .lone_threads = 3},
        policy, metrics_);
  }
};

TEST_F(InstanceScheduler, WithoutDelayAnIdleInstanceStartsAtOnce) {
  const auto scheduler = make({.max_batch_size = 8});
  model_.shut();
  desk_.submit(*scheduler, 1);
  model_.await_runs(1);  // nothing else has to arrive
  model_.open();
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{1}));
}

TEST_F(InstanceScheduler, APartialBatchLeavesAfterTheDelay) {
  const auto scheduler = make({.max_batch_size = 8, .max_queue_delay = 1ms});
  desk_.submit(*scheduler, 1);
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{1}));
}

TEST_F(InstanceScheduler, AFullBatchDoesNotWait) {
  const auto scheduler = make({.max_batch_size = 4, .max_queue_delay = 1h});
  for (int i = 0; i < 4; ++i) desk_.submit(*scheduler, 1);
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{4})) << "an hour's delay keeps the first ones back until the batch is full";
}

TEST_F(InstanceScheduler, APreferredSizeDoesNotWait) {
  const auto scheduler = make({.max_batch_size = 8, .preferred_batch_sizes = {3}, .max_queue_delay = 1h});
  for (int i = 0; i < 3; ++i) desk_.submit(*scheduler, 1);
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{3}));
}

TEST_F(InstanceScheduler, ItemsCountTowardsAFullBatch) {
  const auto scheduler = make({.max_batch_size = 4, .max_queue_delay = 1h});
  desk_.submit(*scheduler, 1, 3);
  desk_.submit(*scheduler, 1, 2);
  desk_.poll();
  model_.await_runs(1);  // the first; the second waits for its own hour
  EXPECT_EQ(model_.runs(), (Runs{3}));
}

TEST_F(InstanceScheduler, InstancesRunBesideEachOther) {
  const auto scheduler = make({.max_batch_size = 8}, 2);
  model_.shut();
  desk_.submit(*scheduler, 1);
  model_.await_runs(1);
  desk_.submit(*scheduler, 2);
  model_.await_runs(2);  // while the first run is still under way
  model_.open();
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{1, 1}));
}

TEST_F(InstanceScheduler, ALoneRequestHasASessionWithMoreThreads) {
  FakeModel split;
  const auto scheduler = make_with_lone(split, {.max_instances = 2});
  EXPECT_EQ(scheduler->describe(), "up to 2 instances, 3 threads for a lone request");
  EXPECT_EQ(scheduler->report().lone_threads, 3U);
  for (int i = 0; i < 3; ++i) {
    desk_.submit(*scheduler, 1);
    desk_.await_all();
  }
  EXPECT_EQ(split.runs().size(), 3U);
  EXPECT_EQ(model_.runs(), Runs{});
  EXPECT_EQ(metrics_->lone_runs.value(), 3U);

  split.shut();
  model_.shut();
  desk_.submit(*scheduler, 1);
  split.await_runs(4);
  desk_.submit(*scheduler, 2);  // beside it: on the usual one
  model_.await_runs(1);
  desk_.submit(*scheduler, 3);  // waits, and is alone in the queue, but something runs
  split.open();
  model_.await_runs(2);
  model_.open();
  desk_.await_all();
  EXPECT_EQ(split.runs().size(), 4U);
  EXPECT_EQ(model_.runs().size(), 2U);
}

TEST_F(InstanceScheduler, NoRequestIsLoneWhileAnotherModelRuns) {
  FakeModel split;
  observe::Registry registry;
  const auto metrics = std::make_shared<ModelMetrics>(registry, "other", "1");
  FakeModel other;
  const auto others = make_instance_scheduler(pool_, {.sessions = sessions_of(other, 1)}, {}, metrics);
  const auto scheduler = make_with_lone(split, {});
  other.shut();
  desk_.submit(*others, 1);
  other.await_runs(1);
  desk_.submit(*scheduler, 1);
  model_.await_runs(1);
  other.open();
  desk_.await_all();
  EXPECT_EQ(split.runs(), Runs{});
}

TEST_F(InstanceScheduler, LoneRunsSayNothingOfHowLongOthersTake) {
  FakeModel split;
  const auto scheduler = make_with_lone(split, {.measured = {{1, 1h}}});
  for (int i = 0; i < 20; ++i) {
    desk_.submit(*scheduler, 1);
    desk_.await_all();
  }
  ASSERT_EQ(scheduler->report().run_times.size(), 1U);
  EXPECT_EQ(scheduler->report().run_times[0].mean, 1h);
}

TEST_F(InstanceScheduler, AnswersOfABatchGoToTheirOwnLoops) {
  Desk desk(3);
  const auto scheduler = make({.max_batch_size = 8});
  model_.shut();
  desk.submit(*scheduler, 0);
  model_.await_runs(1);
  for (std::size_t i = 0; i < 6; ++i) desk.submit(*scheduler, static_cast<float>(i), 1, 1, i % 3);
  model_.open();
  desk.await_all();
  EXPECT_EQ(model_.runs(), (Runs{1, 6}));
}

TEST_F(InstanceScheduler, EndsByAnsweringWhatWaits) {
  auto scheduler = make({.max_batch_size = 2, .max_queue_delay = 1h});
  model_.shut();
  for (int i = 0; i < 2; ++i) desk_.submit(*scheduler, 1);
  model_.await_runs(1);
  for (int i = 0; i < 5; ++i) desk_.submit(*scheduler, 1);
  model_.open();
  scheduler.reset();
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{2, 2, 2, 1}));
}

TEST_F(InstanceScheduler, EndsWhereNothingWaits) {
  make({.max_batch_size = 2, .max_queue_delay = 1h}, 3).reset();
  EXPECT_EQ(model_.runs(), Runs{});
}

TEST_F(InstanceScheduler, DescribesItself) {
  EXPECT_EQ(make({}, 1)->describe(), "1 instance");
  EXPECT_EQ(make({}, 2)->describe(), "up to 2 instances");
}

}  // namespace
}  // namespace saccade::schedule
