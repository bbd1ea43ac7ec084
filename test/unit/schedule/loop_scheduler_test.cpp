// What is particular to running on the event loops: a batch forms without a wait, lanes don't touch each
// other.
#include <vector>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using Runs = std::vector<std::int64_t>;

class LoopScheduler : public testing::Test {
 protected:
  std::unique_ptr<Scheduler> make(const BatchPolicy& policy, std::size_t loops = 1) {
    return make_loop_scheduler(sessions_of(model_, loops), policy, metrics_);
  }

  observe::Registry registry_;
  MetricsPointer metrics_ = std::make_shared<ModelMetrics>(registry_, "m", "1");
  FakeModel model_;
};

TEST_F(LoopScheduler, RunsWithinTheTurn) {
  Desk desk;
  const auto scheduler = make({.max_batch_size = 8});
  desk.submit(*scheduler, 1);
  EXPECT_EQ(model_.runs(), Runs{}) << "not inside submit()";
  desk.poll();
  EXPECT_EQ(desk.answered(), 1U);
}

TEST_F(LoopScheduler, EachLoopRunsItsOwn) {
  Desk desk(2);
  const auto scheduler = make({.max_batch_size = 8}, 2);
  for (std::size_t i = 0; i < 5; ++i) desk.submit(*scheduler, 1, 1, 1, i % 2);
  desk.await_all();
  EXPECT_EQ(model_.runs(), (Runs{3, 2}));
}

TEST_F(LoopScheduler, LaterTurnsMakeLaterBatches) {
  Desk desk;
  const auto scheduler = make({.max_batch_size = 8});
  for (int turn = 0; turn < 3; ++turn) {
    desk.submit(*scheduler, 1);
    desk.submit(*scheduler, 1);
    desk.await_all();
  }
  EXPECT_EQ(model_.runs(), (Runs{2, 2, 2}));
}

}  // namespace
}  // namespace saccade::schedule
