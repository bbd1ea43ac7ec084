// Whether a request that is alone has more threads, on run times made up for it.
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "schedule/planner.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;

class LoneRunsTest : public testing::Test {
 protected:
  // One request after the other, each run as the planner says. `joined`: another one comes and begins its run
  // before the end of each. Returns how many of the requests that were alone ran with more threads.
  int ask(int times, base::Duration with_more, base::Duration usual, bool joined = false) {
    int lone_runs = 0;
    for (int i = 0; i < times; ++i) {
      const auto [run, lone] = begin(true);
      const auto other = joined ? begin(false).first : Planner::Run{};
      now_ += lone ? with_more : usual;
      planner_.ended(run, now_);
      if (joined) planner_.ended(other, now_);
      if (lone) ++lone_runs;
    }
    return lone_runs;
  }

  // The run of a request that has just come, and whether it has more threads.
  std::pair<Planner::Run, bool> begin(bool alone) {
    Job job;
    job.timings.queued = now_;
    std::vector<Planner::Dropped> dropped;
    EXPECT_FALSE(planner_.enter(job, dropped));
    const bool lone = alone && planner_.lone_pays();
    std::vector<Job> batch;
    return {planner_.take(now_, batch, dropped, lone), lone};
  }

  observe::Registry registry_;
  const BatchPolicy policy_{.measured = {{1, 10ms}}};
  Planner planner_{policy_, std::make_shared<ModelMetrics>(registry_, "m", "1"), 2};
  base::TimePoint now_ = base::now();
};

TEST_F(LoneRunsTest, HaveMoreThreadsWhileThatIsShorter) {
  EXPECT_GE(ask(1'000, 6ms, 10ms), 990) << "but for one now and then";
  EXPECT_LT(ask(1'000, 6ms, 10ms), 1'000);
  EXPECT_LE(ask(1'000, 20ms, 10ms), 100) << "found out soon";
  EXPECT_GE(ask(1'000, 6ms, 10ms), 500) << "and found again";
}

TEST_F(LoneRunsTest, ThatAreNoShorterAreGivenUp) {
  EXPECT_LE(ask(1'000, 10ms, 10ms), 100);
}

TEST_F(LoneRunsTest, ThatOthersJoinSayNothingOfThoseThatStayAlone) {
  ask(100, 6ms, 10ms);
  EXPECT_LE(ask(1'000, 30ms, 10ms, true), 100);
  EXPECT_GE(ask(100, 6ms, 10ms), 60) << "told by the usual runs: nobody joins them any more";
}

TEST_F(LoneRunsTest, SayNothingOfUsualRuns) {
  ask(100, 1ms, 10ms);
  EXPECT_EQ(planner_.report().run_times.front().mean, 10ms);
}

}  // namespace
}  // namespace saccade::schedule
