// The scheduler for models shorter than a hop between threads: each event loop runs what it decoded itself.
//
// The batch forms without a wait: the first request of a turn posts a flush, which runs behind all handlers
// that are ready, and each of those may add a request. Every lane belongs to its loop's thread. A posted
// flush shares the ownership of its lane, so that what waits when the scheduler ends is run nevertheless.
#include <memory>
#include <vector>

#include "schedule/batch_runner.h"
#include "schedule/drop.h"
#include "schedule/planner.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

struct Lane {
  Lane(std::unique_ptr<engine::Session> session, const BatchPolicy& batch_policy,
       MetricsPointer model_metrics)
      : metrics(std::move(model_metrics)),
        policy(batch_policy),
        planner(policy, metrics, 1),
        runner(std::move(session), policy.max_batch_size > 0, *metrics) {}

  const MetricsPointer metrics;
  const BatchPolicy policy;
  Planner planner;
  BatchRunner runner;
  bool flush_posted = false;
  // Kept from flush to flush for their memory.
  std::vector<Job> batch;
  std::vector<BatchQueue::Dropped> dropped;
  std::vector<BatchQueue::Dropped> evicted;  // by one that came in
  std::vector<BatchRunner::ResponseResult> results;
  std::vector<Promise> promises;
};

using LanePointer = std::shared_ptr<Lane>;

void post_flush(LanePointer lane, runtime::EventLoop* loop);

void drop(Lane& lane, std::vector<BatchQueue::Dropped>& all) {
  for (BatchQueue::Dropped& dropped : std::exchange(all, {})) {
    count_drop(dropped, *lane.metrics);
    dropped.job.done(std::unexpected(std::move(dropped.error)));
  }
}

// A lane is busy with a batch until its answers have left, so that their writing is part of its run.
void settle(Lane& lane, const Planner::Run& run) {
  const base::TimePoint now = base::now();
  lane.planner.ended(run, now);
  for (Job& job : lane.batch) {
    job.promise.ran = now;
    lane.promises.push_back(job.promise);
  }
  lane.planner.admission()->answered(lane.promises, now, *lane.metrics);
  lane.promises.clear();
}

// One batch, then the loop's other work, then the next.
void flush(LanePointer pointer, runtime::EventLoop* loop) {
  Lane& lane = *pointer;
  const base::TimePoint now = base::now();
  const Planner::Run run = lane.planner.take(now, lane.batch, lane.dropped);
  if (!lane.batch.empty()) lane.runner.run(lane.batch, now, lane.results);
  lane.flush_posted = !lane.planner.empty();
  if (lane.flush_posted) post_flush(pointer, loop);

  lane.metrics->pending.add(-static_cast<std::int64_t>(lane.batch.size() + lane.dropped.size()));
  for (std::size_t i = 0; i < lane.batch.size(); ++i) lane.batch[i].done(std::move(lane.results[i]));
  if (run.items > 0) settle(lane, run);
  if (!lane.dropped.empty()) drop(lane, lane.dropped);
  lane.batch.clear();
  lane.results.clear();
}

void post_flush(LanePointer lane, runtime::EventLoop* loop) {
  loop->post([lane = std::move(lane), loop]() mutable { flush(std::move(lane), loop); });
}

class LoopScheduler final : public Scheduler {
 public:
  LoopScheduler(std::vector<std::unique_ptr<engine::Session>> sessions, const BatchPolicy& policy,
                const MetricsPointer& metrics, const std::shared_ptr<runtime::Disposal>& disposal) {
    for (auto& session : sessions) {
      lanes_.push_back(runtime::share(std::make_unique<Lane>(std::move(session), policy, metrics), disposal));
    }
  }

  void submit(Job job) override {
    const LanePointer& pointer = lanes_[job.loop->index()];
    Lane& lane = *pointer;
    job.timings.queued = base::now();
    runtime::EventLoop* loop = job.loop;
    if (auto error = lane.planner.enter(job, lane.evicted))
      return refuse(job, *std::move(error), *lane.metrics);
    lane.metrics->pending.add(1 - static_cast<std::int64_t>(lane.evicted.size()));
    if (!lane.evicted.empty()) drop(lane, lane.evicted);
    if (lane.flush_posted) return;
    lane.flush_posted = true;
    post_flush(pointer, loop);
  }

  std::string describe() const override { return "on the event loops"; }

  ScheduleReport report() const override {
    ScheduleReport sum = lanes_.front()->planner.report();
    for (std::size_t i = 1; i < lanes_.size(); ++i) add(lanes_[i]->planner.report(), sum);
    sum.place = "loops";
    return sum;
  }

  std::optional<base::Error> would_refuse(runtime::EventLoop& loop, base::TimePoint begun) override {
    return lanes_[loop.index()]->planner.would_refuse(&loop, begun, base::now());
  }

 private:
  std::vector<LanePointer> lanes_;  // by the loop's index
};

}  // namespace

std::unique_ptr<Scheduler> make_loop_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                               const BatchPolicy& policy, const MetricsPointer& metrics,
                                               const std::shared_ptr<runtime::Disposal>& disposal) {
  return std::make_unique<LoopScheduler>(std::move(sessions), policy, metrics, disposal);
}

}  // namespace saccade::schedule
