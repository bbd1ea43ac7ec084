// Who waits how long, and who goes first: priority levels, time limits, deadlines, order.
#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "on_instances.h"
#include "schedule/batch_queue.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using base::Code;
using Runs = std::vector<std::int64_t>;

// The queue by itself, at times that the test makes up.
class Queue : public testing::Test {
 protected:
  bool push(int id, base::Duration at = 0ms, request::InferenceRequest request = {}) {
    Job job;
    tensor::Tensor x(tensor::DataType::kFp32, {1, 1});
    x.as<float>()[0] = static_cast<float>(id);
    request.inputs.push_back(std::move(x));
    job.request = std::move(request);
    job.timings.queued = kStart + at;
    return queue().push(job);
  }
  static int id_of(const Job& job) { return static_cast<int>(job.request.inputs[0].view().as<float>()[0]); }
  // The next batch, as the numbers of its jobs.
  std::vector<int> take(base::Duration at = 0ms) {
    std::vector<Job> batch;
    queue().take(kStart + at, batch, dropped_);
    std::vector<int> ids;
    for (const Job& job : batch) ids.push_back(id_of(job));
    return ids;
  }
  // "NUMBER CODE" of those that were dropped since the last call.
  std::vector<std::string> dropped() {
    std::vector<std::string> texts;
    for (const auto& [job, error, why] : dropped_) {
      texts.push_back(std::to_string(id_of(job)) + " " + std::string(base::code_name(error.code)));
    }
    dropped_.clear();
    return texts;
  }
  BatchQueue& queue() {
    if (!queue_) queue_ = std::make_unique<BatchQueue>(policy_);
    return *queue_;
  }

  static constexpr base::TimePoint kStart{std::chrono::hours(1)};
  BatchPolicy policy_{.max_batch_size = 8};  // to be set before the first push
  std::unique_ptr<BatchQueue> queue_;
  std::vector<BatchQueue::Dropped> dropped_;
};

using Ids = std::vector<int>;
using Texts = std::vector<std::string>;

TEST_F(Queue, UrgentOnesGoFirstAndTheRestInOrder) {
  policy_.priority_levels = 3;
  policy_.default_priority = 2;
  push(1, 0ms, {.priority = 3});
  push(2, 1ms);
  push(3, 2ms, {.priority = 1});
  push(4, 3ms, {.priority = 99});  // there is no such level: the usual one
  push(5, 4ms, {.priority = 2});
  EXPECT_EQ(queue().oldest(), kStart);
  EXPECT_EQ(take(), (Ids{3, 2, 4, 5, 1}));
  EXPECT_TRUE(queue().empty());
}

TEST_F(Queue, WithoutLevelsPrioritiesMeanNothing) {
  push(1, 0ms, {.priority = 2});
  push(2, 1ms, {.priority = 1});
  EXPECT_EQ(take(), (Ids{1, 2}));
}

TEST_F(Queue, WhoWaitsTooLongIsDropped) {
  policy_.queue.default_timeout = 10ms;
  push(1);
  push(2, 5ms);
  EXPECT_EQ(queue().next_expiry(), kStart + 10ms);
  EXPECT_EQ(take(9ms), (Ids{1, 2}));
  push(3, 20ms);
  push(4, 25ms);
  EXPECT_EQ(take(30ms), (Ids{4}));
  EXPECT_EQ(dropped(), (Texts{"3 unavailable"}));
  EXPECT_EQ(queue().items(), 0);
}

TEST_F(Queue, ARequestMayShortenTheLimitWhereItIsAllowed) {
  policy_.queue.default_timeout = 10ms;
  push(1, 0ms, {.queue_timeout = 2ms});
  queue().expire(kStart + 5ms, dropped_);
  EXPECT_EQ(dropped(), Texts{}) << "not allowed";
  policy_.queue.allow_timeout_override = true;
  push(2, 0ms, {.queue_timeout = 2ms});
  push(3, 0ms, {.queue_timeout = 1h});
  queue().expire(kStart + 5ms, dropped_);
  EXPECT_EQ(dropped(), (Texts{"2 unavailable"}));
  queue().expire(kStart + 10ms, dropped_);
  EXPECT_EQ(dropped(), (Texts{"1 unavailable", "3 unavailable"})) << "nobody may lengthen it";
}

TEST_F(Queue, WithoutALimitARequestMayBringItsOwn) {
  policy_.queue.allow_timeout_override = true;
  push(1);
  push(2, 0ms, {.queue_timeout = 2ms});
  push(3, 0ms, {.queue_timeout = base::Duration::max()});
  EXPECT_EQ(take(1h), (Ids{1, 3}));
  EXPECT_EQ(dropped(), (Texts{"2 unavailable"}));
}

TEST_F(Queue, ThoseWhoMayWaitOnGoBehindTheOthersOfTheirLevel) {
  policy_.priority_levels = 2;
  policy_.default_priority = 1;
  policy_.queue.default_timeout = 10ms;
  policy_.queue.timeout_action = QueuePolicy::TimeoutAction::kDelay;
  push(1);
  push(2, 15ms);
  push(3, 0ms, {.priority = 2});
  EXPECT_EQ(take(20ms), (Ids{2, 1, 3}));
  EXPECT_EQ(dropped(), Texts{});
}

TEST_F(Queue, ALevelMayHaveItsOwnPolicy) {
  policy_.priority_levels = 2;
  policy_.default_priority = 2;
  policy_.level_queues[1] = {.default_timeout = 1ms, .max_size = 1};
  EXPECT_TRUE(push(1, 0ms, {.priority = 1}));
  EXPECT_FALSE(push(2, 0ms, {.priority = 1}));
  EXPECT_TRUE(push(3));
  EXPECT_TRUE(push(4));
  EXPECT_EQ(take(2ms), (Ids{3, 4}));
  EXPECT_EQ(dropped(), (Texts{"1 unavailable"}));
}

TEST_F(Queue, APassedDeadlineNeedsNoRun) {
  push(1, 0ms, {.deadline = kStart + 5ms});
  push(2);
  EXPECT_EQ(take(5ms), (Ids{2}));
  EXPECT_EQ(dropped(), (Texts{"1 deadline_exceeded"}));
}

TEST_F(Queue, KeptInOrderNobodyOvertakes) {
  policy_.max_batch_size = 2;
  policy_.preserve_ordering = true;
  push(1);
  Job wide;
  wide.request.inputs.emplace_back(tensor::DataType::kFp32, tensor::Shape{1, 2});
  wide.request.inputs[0].as<float>()[0] = 2;
  wide.timings.queued = kStart;
  queue().push(wide);
  push(3);
  EXPECT_EQ(take(), (Ids{1}));
  EXPECT_EQ(take(), (Ids{2}));
  EXPECT_EQ(take(), (Ids{3}));
}

// In a scheduler

class Instances : public OnInstances {};

TEST_F(Instances, AnswerInTimeThoughAllAreBusy) {
  const auto scheduler = make({.max_batch_size = 1, .queue = {.allow_timeout_override = true}});
  model_.shut();
  desk_.submit(*scheduler, 1);
  model_.await_runs(1);
  const auto late = desk_.submit(*scheduler, 2, {.queue_timeout = 1ms});
  const auto soon = base::now() + 1ms;
  const auto passed = desk_.submit(*scheduler, 3, {.deadline = soon});
  // The gate is still shut: nothing but the clock can answer these two.
  while (desk_.answered() < 2) desk_.poll();
  EXPECT_EQ(desk_[late].failed, Code::kUnavailable);
  EXPECT_EQ(desk_[late].message, "Request timeout expired");
  EXPECT_EQ(desk_[passed].failed, Code::kDeadlineExceeded);
  EXPECT_EQ(metrics_->timed_out.value(), 2U);
  EXPECT_EQ(metrics_->pending.value(), 1);
  model_.open();
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{1}));
  EXPECT_EQ(metrics_->statistics.sum().fail.count, 2U);
}

TEST_F(Instances, EndWhileSomebodyWaitsForALimit) {
  auto scheduler = make({.max_batch_size = 1, .queue = {.default_timeout = 1h}});
  model_.shut();
  for (int i = 0; i < 3; ++i) desk_.submit(*scheduler, 1);
  model_.open();
  scheduler.reset();
  desk_.await_all();
  EXPECT_EQ(model_.runs(), (Runs{1, 1, 1}));
}

TEST_F(Instances, AnswersLeaveInOrderWhereThatIsAsked) {
  const auto scheduler = make({.max_batch_size = 1, .preserve_ordering = true}, 4);
  std::vector<std::size_t> jobs;
  for (int i = 0; i < 200; ++i) jobs.push_back(desk_.submit(*scheduler, static_cast<float>(i)));
  desk_.await_all();
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(desk_[jobs[i]].place, i);
}

}  // namespace
}  // namespace saccade::schedule
