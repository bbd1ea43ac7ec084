#include "grpc/timers.h"

#include <vector>

#include <gtest/gtest.h>

namespace saccade::grpc {
namespace {

using namespace std::chrono_literals;

struct Bell final : Timers::Alarm {
  explicit Bell(std::vector<int>& rang, int its_name = 0) : rung(rang), name(its_name) {}
  void on_time() override { rung.push_back(name); }
  std::vector<int>& rung;
  int name;
};

class TimersOfALoop : public testing::Test {
 protected:
  // Until nothing is left to wait for.
  void run() { loop_.run_for(20s); }
  runtime::EventLoop loop_{0};
  Timers timers_{loop_};
  std::vector<int> rung_;
  Bell one_{rung_, 1}, two_{rung_, 2}, three_{rung_, 3};
};

TEST_F(TimersOfALoop, RingInTheOrderOfTheirTimes) {
  const auto now = base::now();
  timers_.set(three_, now + 20ms);
  timers_.set(one_, now - 1s);
  timers_.set(two_, now + 10ms);
  run();
  EXPECT_EQ(rung_, (std::vector{1, 2, 3}));
  EXPECT_GE(base::now(), now + 20ms);
  EXPECT_EQ(timers_.size(), 0U);
}

TEST_F(TimersOfALoop, CancelledOnesAreSilent) {
  timers_.set(one_, base::now());
  timers_.set(two_, base::now());
  timers_.cancel(one_);
  timers_.cancel(one_);
  timers_.cancel(three_);
  run();
  EXPECT_EQ(rung_, (std::vector{2}));
}

TEST_F(TimersOfALoop, NothingKeepsTheLoopAwake) {
  const auto start = base::now();
  timers_.set(one_, start + 1h);
  timers_.set(two_, base::TimePoint::max());
  timers_.cancel(one_);
  run();
  EXPECT_LT(base::now(), start + 10s);
  EXPECT_TRUE(rung_.empty());
}

TEST_F(TimersOfALoop, ANewTimeTakesTheOldOnesPlace) {
  timers_.set(one_, base::now() + 1h);
  timers_.set(one_, base::now());
  run();
  EXPECT_EQ(rung_, (std::vector{1}));
}

// Sets itself and cancels its neighbour while it rings.
struct Busy final : Timers::Alarm {
  Busy(Timers& its_timers, Timers::Alarm& its_neighbour) : timers(its_timers), neighbour(its_neighbour) {}
  void on_time() override {
    timers.cancel(neighbour);
    if (++times < 3) timers.set(*this, base::now());
  }
  Timers& timers;
  Timers::Alarm& neighbour;
  int times = 0;
};

TEST_F(TimersOfALoop, MayChangeWhileTheyRing) {
  Busy busy(timers_, two_);
  const auto now = base::now();
  timers_.set(busy, now - 2ms);
  timers_.set(two_, now - 1ms);
  run();
  EXPECT_EQ(busy.times, 3);
  EXPECT_TRUE(rung_.empty());
}

}  // namespace
}  // namespace saccade::grpc
