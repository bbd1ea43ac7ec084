// Whether a request that is alone has more threads, on run times made up for it.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "schedule/planner.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;

class LoneRuns : public testing::Test {
 protected:
  // One request after the other, each run as the planner says. Returns how many of them ran with more
  // threads.
  int ask(int times, base::Duration with_more, base::Duration usual) {
    int lone_runs = 0;
    for (int i = 0; i < times; ++i) {
      Job job;
      job.timings.queued = now_;
      std::vector<Planner::Dropped> dropped;
      EXPECT_FALSE(planner_.enter(job, dropped));
      const bool lone = planner_.lone_pays();
      std::vector<Job> batch;
      const Planner::Run run = planner_.take(now_, batch, dropped, lone);
      now_ += lone ? with_more : usual;
      planner_.ended(run, now_);
      if (lone) ++lone_runs;
    }
    return lone_runs;
  }

  observe::Registry registry_;
  const BatchPolicy policy_{.measured = {{1, 10ms}}};
  Planner planner_{policy_, std::make_shared<ModelMetrics>(registry_, "m", "1"), 2};
  base::TimePoint now_ = base::now();
};

TEST_F(LoneRuns, HaveMoreThreadsWhileThatIsShorter) {
  EXPECT_GE(ask(1'000, 6ms, 10ms), 990) << "but for one now and then";
  EXPECT_LT(ask(1'000, 6ms, 10ms), 1'000);
  EXPECT_LE(ask(1'000, 20ms, 10ms), 100) << "found out soon";
  EXPECT_GE(ask(1'000, 6ms, 10ms), 500) << "and found again";
}

TEST_F(LoneRuns, ThatAreNoShorterAreGivenUp) {
  EXPECT_LE(ask(1'000, 10ms, 10ms), 100);
}

TEST_F(LoneRuns, SayNothingOfUsualRuns) {
  ask(100, 1ms, 10ms);
  EXPECT_EQ(planner_.report().run_times.front().mean, 10ms);
}

}  // namespace
}  // namespace saccade::schedule
