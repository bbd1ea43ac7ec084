// The scheduler for models shorter than a hop between threads: each event loop runs what it decoded itself.
//
// The batch forms without a wait: the first request of a turn posts a flush, which runs behind all handlers
// that are ready, and each of those may add a request. Every lane belongs to its loop's thread. A posted
// flush shares the ownership of its lane, so that what waits when the scheduler ends is run nevertheless.
#include <memory>
#include <vector>

#include "schedule/batch_queue.h"
#include "schedule/batch_runner.h"
#include "schedule/drop.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

struct Lane {
  Lane(std::unique_ptr<engine::Session> session, const BatchPolicy& batch_policy,
       MetricsPointer model_metrics)
      : metrics(std::move(model_metrics)),
        policy(batch_policy),
        queue(policy),
        runner(std::move(session), policy.max_batch_size > 0, *metrics) {}

  const MetricsPointer metrics;
  const BatchPolicy policy;
  BatchQueue queue;
  BatchRunner runner;
  bool flush_posted = false;
  // Kept from flush to flush for their memory.
  std::vector<Job> batch;
  std::vector<BatchQueue::Dropped> dropped;
  std::vector<BatchRunner::ResponseResult> results;
};

using LanePointer = std::shared_ptr<Lane>;

void post_flush(LanePointer lane, runtime::EventLoop* loop);

// One batch, then the loop's other work, then the next.
void flush(LanePointer pointer, runtime::EventLoop* loop) {
  Lane& lane = *pointer;
  const base::TimePoint now = base::now();
  lane.queue.take(now, lane.batch, lane.dropped);
  if (!lane.batch.empty()) lane.runner.run(lane.batch, now, lane.results);
  lane.flush_posted = !lane.queue.empty();
  if (lane.flush_posted) post_flush(pointer, loop);

  lane.metrics->pending.add(-static_cast<std::int64_t>(lane.batch.size() + lane.dropped.size()));
  for (std::size_t i = 0; i < lane.batch.size(); ++i) lane.batch[i].done(std::move(lane.results[i]));
  for (BatchQueue::Dropped& dropped : lane.dropped) {
    count_drop(dropped, *lane.metrics);
    dropped.job.done(std::unexpected(std::move(dropped.error)));
  }
  lane.batch.clear();
  lane.dropped.clear();
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
    if (!lane.queue.push(job)) return refuse_for_room(job, *lane.metrics);
    lane.metrics->pending.add(1);
    if (lane.flush_posted) return;
    lane.flush_posted = true;
    post_flush(pointer, loop);
  }

  std::string describe() const override { return "on the event loops"; }

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
