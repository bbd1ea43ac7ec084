// What both schedulers promise (scheduler.h), each test on each of them.
#include "schedule/scheduler.h"

#include <mutex>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "schedule/run_pool.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using base::Code;
using Runs = std::vector<std::int64_t>;

enum class Kind : std::uint8_t { kLoop, kInstance };

// On the loop scheduler, jobs submitted before await_all() belong to one turn of the loop. On the instance
// scheduler the gate holds the instance in a first run (busy_with_one) while they are submitted. Both then
// find them together.
class EachScheduler : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Scheduler> make(BatchPolicy policy, std::size_t count = 1) {
    if (GetParam() == Kind::kLoop) return make_loop_scheduler(sessions_of(model_, count), policy, metrics_);
    policy.max_instances = count;
    return make_instance_scheduler(pool_, {.sessions = sessions_of(model_, 1)}, policy, metrics_);
  }
  void busy_with_one(Scheduler& scheduler) {
    if (GetParam() == Kind::kLoop) return;
    model_.shut();
    desk_.submit(scheduler, 99);
    model_.await_runs(1);
  }
  void answer_all() {
    model_.open();
    desk_.await_all();
  }
  // The runs behind that of busy_with_one().
  Runs runs() const {
    Runs runs = model_.runs();
    if (GetParam() == Kind::kInstance) runs.erase(runs.begin());
    return runs;
  }

  std::shared_ptr<RunPool> pool_ = std::make_shared<RunPool>(2);
  observe::Registry registry_;
  MetricsPointer metrics_ = std::make_shared<ModelMetrics>(registry_, "m", "1");
  FakeModel model_;
  Desk desk_;
};

INSTANTIATE_TEST_SUITE_P(Schedulers, EachScheduler, testing::Values(Kind::kLoop, Kind::kInstance),
                         [](const auto& kind) { return kind.param == Kind::kLoop ? "Loop" : "Instance"; });

TEST_P(EachScheduler, WhatArrivesTogetherSharesARun) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  std::vector<std::size_t> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(desk_.submit(*scheduler, static_cast<float>(i), 1, 2));
  answer_all();
  EXPECT_EQ(runs(), (Runs{4}));
  for (int i = 0; i < 4; ++i) {
    const auto value = static_cast<float>(i);
    EXPECT_EQ(desk_[jobs[static_cast<std::size_t>(i)]].y, (std::vector<float>{value, value}));
    EXPECT_EQ(desk_[jobs[static_cast<std::size_t>(i)]].batch_size, 4);
  }
}

TEST_P(EachScheduler, NoRunIsLargerThanTheLimit) {
  const auto scheduler = make({.max_batch_size = 4});
  busy_with_one(*scheduler);
  for (int i = 0; i < 10; ++i) desk_.submit(*scheduler, 1);
  answer_all();
  EXPECT_EQ(runs(), (Runs{4, 4, 2}));
}

TEST_P(EachScheduler, RequestsOfSeveralItemsAreNotSplit) {
  const auto scheduler = make({.max_batch_size = 4});
  busy_with_one(*scheduler);
  const auto three = desk_.submit(*scheduler, 3, 3);
  const auto two = desk_.submit(*scheduler, 2, 2);
  const auto one = desk_.submit(*scheduler, 1, 1);
  answer_all();
  EXPECT_EQ(runs(), (Runs{4, 2})) << "the single one fills the first run up";
  EXPECT_EQ(desk_[three].y, (std::vector<float>{3, 3, 3}));
  EXPECT_EQ(desk_[two].y, (std::vector<float>{2, 2}));
  EXPECT_EQ(desk_[one].y, (std::vector<float>{1}));
}

TEST_P(EachScheduler, WithoutBatchesEachRunsAlone) {
  const auto scheduler = make({.max_batch_size = 0});
  busy_with_one(*scheduler);
  for (int i = 0; i < 3; ++i) desk_.submit(*scheduler, 1);
  const auto scalar = desk_.submit(*scheduler, 5, tensor::Shape{}, 0, nullptr);
  answer_all();
  EXPECT_EQ(runs(), (Runs{1, 1, 1, 1}));
  EXPECT_EQ(desk_[scalar].y, (std::vector<float>{5}));
}

TEST_P(EachScheduler, OtherShapesRunApart) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  const auto narrow = desk_.submit(*scheduler, 1, 1, 2);
  const auto wide = desk_.submit(*scheduler, 2, 1, 3);
  desk_.submit(*scheduler, 1, 2, 2);
  desk_.submit(*scheduler, 2, 2, 3);
  answer_all();
  EXPECT_EQ(runs(), (Runs{3, 3}));
  EXPECT_EQ(desk_[narrow].y.size(), 2U);
  EXPECT_EQ(desk_[wide].y.size(), 3U);
}

TEST_P(EachScheduler, RowsWithoutElementsShareARunToo) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  const auto one = desk_.submit(*scheduler, 1, 1, 0);
  const auto two = desk_.submit(*scheduler, 1, 2, 0);
  answer_all();
  EXPECT_EQ(runs(), (Runs{3}));
  EXPECT_FALSE(desk_[one].failed);
  EXPECT_FALSE(desk_[two].failed);
}

TEST_P(EachScheduler, ABadMemberFailsAlone) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  const auto before = desk_.submit(*scheduler, 1);
  const auto bad = desk_.submit(*scheduler, FakeModel::kRefused);
  const auto after = desk_.submit(*scheduler, 2);
  answer_all();
  EXPECT_EQ(desk_[bad].failed, Code::kInvalidArgument);
  EXPECT_EQ(desk_[before].y, (std::vector<float>{1}));
  EXPECT_EQ(desk_[after].y, (std::vector<float>{2}));
  EXPECT_EQ(runs(), (Runs{3, 1, 1, 1}));
  EXPECT_EQ(metrics_->refused.value(), 1U);
  EXPECT_EQ(metrics_->failed.value(), 0U);
}

TEST_P(EachScheduler, AFailingModelAnswersEveryMember) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  std::vector<std::size_t> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(desk_.submit(*scheduler, FakeModel::kBroken));
  answer_all();
  for (const std::size_t job : jobs) {
    EXPECT_EQ(desk_[job].failed, Code::kInternal);
    EXPECT_EQ(desk_[job].message, "the model broke");
  }
  EXPECT_EQ(metrics_->failed.value(), 3U);
}

TEST_P(EachScheduler, AModelThatDoesNotBatchIsRunOneByOne) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  model_.answer_one_row();
  const auto one = desk_.submit(*scheduler, 1);
  const auto two = desk_.submit(*scheduler, 2);
  answer_all();
  EXPECT_EQ(desk_[one].y, (std::vector<float>{1}));
  EXPECT_EQ(desk_[two].y, (std::vector<float>{2}));
}

TEST_P(EachScheduler, ACallerWhoHasGoneCostsNoRun) {
  const auto scheduler = make({.max_batch_size = 1});
  busy_with_one(*scheduler);
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  const auto stays = desk_.submit(*scheduler, 1);
  const auto leaves = desk_.submit(*scheduler, 2, 1, 1, 0, gone);
  gone->store(true);
  answer_all();
  EXPECT_EQ(runs(), (Runs{1}));
  EXPECT_FALSE(desk_[stays].failed);
  EXPECT_EQ(desk_[leaves].failed, Code::kCancelled);
  EXPECT_EQ(metrics_->cancelled.value(), 1U);
}

TEST_P(EachScheduler, NobodyLeftMeansNoRunAtAll) {
  const auto scheduler = make({.max_batch_size = 8});
  busy_with_one(*scheduler);
  const auto gone = std::make_shared<std::atomic<bool>>(true);
  for (int i = 0; i < 3; ++i) desk_.submit(*scheduler, 1, 1, 1, 0, gone);
  answer_all();
  EXPECT_EQ(runs(), Runs{});
  EXPECT_EQ(metrics_->pending.value(), 0);
}

TEST_P(EachScheduler, AFullQueueRefusesAtOnce) {
  const auto scheduler = make({.max_batch_size = 8, .max_queue = 2});
  busy_with_one(*scheduler);
  desk_.submit(*scheduler, 1);
  desk_.submit(*scheduler, 1);
  const auto third = desk_.submit(*scheduler, 1);
  EXPECT_EQ(desk_[third].times, 1);
  EXPECT_EQ(desk_[third].failed, Code::kUnavailable);
  EXPECT_EQ(desk_[third].message, "the model's queue is full; try again later");
  answer_all();
  EXPECT_EQ(metrics_->rejected.value(), 1U);
  EXPECT_EQ(metrics_->pending.value(), 0);
  EXPECT_FALSE(desk_[desk_.submit(*scheduler, 1)].failed) << "there is room again";
  desk_.await_all();
}

TEST_P(EachScheduler, CountsWhatItDid) {
  const auto scheduler = make({.max_batch_size = 4});
  busy_with_one(*scheduler);
  const std::uint64_t before = GetParam() == Kind::kInstance ? 1 : 0;
  desk_.submit(*scheduler, 1, 3);
  desk_.submit(*scheduler, 1);
  EXPECT_EQ(metrics_->pending.value(), static_cast<std::int64_t>(before) + 2);
  answer_all();
  EXPECT_EQ(metrics_->succeeded.value(), before + 2);
  EXPECT_EQ(metrics_->items.value(), before + 4);
  EXPECT_EQ(metrics_->runs.value(), before + 1);
  EXPECT_EQ(metrics_->queue_time.snapshot().total, before + 2);
  EXPECT_EQ(metrics_->batch_size.snapshot().sum, static_cast<std::int64_t>(before) + 4);
  EXPECT_EQ(metrics_->pending.value(), 0);
}

// With loops and instances that run for real: whatever happens in between, each job is answered once, on its
// loop.
TEST_P(EachScheduler, EveryJobIsAnsweredOnceOnItsOwnLoop) {
  constexpr std::size_t kLoops = 3;
  constexpr int kJobs = 500;
  runtime::LoopGroup loops(kLoops);
  const auto scheduler = make({.max_batch_size = 4}, kLoops);
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t answered = 0;                      // guarded by mutex
  std::vector<int> times(kLoops * kJobs, 0);     // guarded by mutex
  std::size_t elsewhere = 0, wrong_answers = 0;  // guarded by mutex
  loops.start();
  for (std::size_t at = 0; at < times.size(); ++at) {
    runtime::EventLoop& loop = loops[at % kLoops];
    loop.post([&, at] {
      Job job;
      tensor::Tensor x(tensor::DataType::kFp32,
                       {1 + static_cast<std::int64_t>(at % 3), 1 + static_cast<std::int64_t>(at % 2)});
      const float value = at % 7 == 0 ? FakeModel::kRefused : static_cast<float>(at);
      std::ranges::fill(x.as<float>(), value);
      const std::size_t count = x.as<float>().size();
      job.request.batch = x.shape()[0];
      job.request.inputs.push_back(std::move(x));
      const bool gone = at % 11 == 0;
      job.request.caller_gone = std::make_shared<std::atomic<bool>>(gone);
      job.loop = &loop;
      job.done = [&, at, value, count, gone](base::Result<request::InferenceResponse> response) {
        bool right = false;
        if (response) {
          const auto y = response->outputs[0].as<float>();
          right = y.size() == count && std::ranges::all_of(y, [value](float got) { return got == value; });
        } else {
          right = response.error().code == (gone ? Code::kCancelled : Code::kInvalidArgument);
        }
        const std::lock_guard lock(mutex);
        ++times[at];
        wrong_answers += right ? 0 : 1;
        elsewhere += runtime::EventLoop::current() == &loop ? 0 : 1;
        ++answered;
        changed.notify_all();
      };
      scheduler->submit(std::move(job));
    });
  }
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, 60s, [&] { return answered >= times.size(); }));
  }
  loops.stop();
  EXPECT_EQ(std::accumulate(times.begin(), times.end(), 0), static_cast<int>(kLoops) * kJobs);
  EXPECT_EQ(std::ranges::count(times, 1), static_cast<std::ptrdiff_t>(times.size()));
  EXPECT_EQ(elsewhere, 0U);
  EXPECT_EQ(wrong_answers, 0U);
  for (const std::int64_t items : model_.runs()) EXPECT_LE(items, 4);
}

}  // namespace
}  // namespace saccade::schedule
