#include "schedule/planner.h"

#include <chrono>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "observe/metrics.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;

// A planner of one instance at made-up times: runs of one item take 0.1 ms, of 32 items 1 ms.
class Plan {
 public:
  Plan() {
    policy_.objective.latency = 10ms;
    policy_.max_batch_size = 32;
    policy_.measured = {{1, 100us}, {32, 1ms}};
    planner_ = std::make_unique<Planner>(policy_, metrics_, 1);
  }

  void pass(base::Duration time) { now_ += time; }

  // Whether it is let in; its bytes came so long ago.
  bool enter(base::Duration waited = {}) {
    if (refused_unseen(waited)) return false;
    Job job;
    job.request.arrived = now_ - waited;
    job.timings.queued = now_;
    std::vector<Planner::Dropped> dropped;
    return !planner_->enter(job, dropped);
  }
  bool refused_unseen(base::Duration waited) {
    return planner_->would_refuse(nullptr, now_ - waited, now_).has_value();
  }
  // The next batch runs as long as was measured; how many it had.
  std::int64_t run() {
    std::vector<Job> batch;
    std::vector<Planner::Dropped> dropped;
    const Planner::Run run = planner_->take(now_, batch, dropped);
    if (run.items == 0) return 0;
    pass(70us + 30us * run.items);
    planner_->ended(run, now_);
    std::vector<Promise> promises;
    for (Job& job : batch) {
      job.promise.ran = now_;
      promises.push_back(job.promise);
    }
    planner_->admission()->answered(promises, now_, *metrics_);
    return run.items;
  }

 private:
  BatchPolicy policy_;
  observe::Registry registry_;
  std::shared_ptr<ModelMetrics> metrics_ = std::make_shared<ModelMetrics>(registry_, "m", "1");
  std::unique_ptr<Planner> planner_;
  base::TimePoint now_{1h};
};

TEST(APlanner, RefusesUnseenWhatHasWaitedTooLongAlready) {
  Plan plan;
  ASSERT_TRUE(plan.enter());
  ASSERT_EQ(plan.run(), 1);
  plan.pass(1s);
  EXPECT_FALSE(plan.refused_unseen(1ms));
  EXPECT_TRUE(plan.refused_unseen(9900us))
      << "the instance is free, and yet not even the mean run goes into the rest";
  EXPECT_TRUE(plan.refused_unseen(1s));
  EXPECT_FALSE(plan.refused_unseen(1ms));
}

// A loop that reads and refuses for milliseconds between two runs.
TEST(APlanner, RefusesTheLateAndTakesTheOthersWhileTheGapsBetweenRunsAreLong) {
  Plan plan;
  for (int i = 0; i < 200; ++i) {
    plan.enter();
    plan.pass(6ms);
    plan.run();
  }
  EXPECT_TRUE(plan.refused_unseen(9950us)) << "whatever the gaps";
  std::int64_t answered = 0;
  int entered = 0;
  for (int i = 0; i < 64; ++i) entered += plan.enter() ? 1 : 0;
  int runs = 0;
  while (const std::int64_t items = plan.run()) {
    answered += items;
    ++runs;
  }
  EXPECT_EQ(answered, entered);
  EXPECT_GE(entered, 8);
  EXPECT_LE(3 * runs, entered) << "smaller batches would not make the gaps shorter";
}

}  // namespace
}  // namespace saccade::schedule
