// The scheduler for models shorter than a hop between threads: each event loop runs what it decoded itself.
//
// The batch forms without a wait: the first request of a turn posts a flush, which runs behind all handlers
// that are ready, and each of those may add a request. Every lane belongs to its loop's thread.
#include <memory>
#include <vector>

#include "schedule/batch_queue.h"
#include "schedule/batch_runner.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

class LoopScheduler final : public Scheduler {
 public:
  LoopScheduler(std::vector<std::unique_ptr<engine::Session>> sessions, const BatchPolicy& policy,
                ModelMetrics& metrics)
      : policy_(policy), metrics_(metrics) {
    for (auto& session : sessions) lanes_.push_back(std::make_unique<Lane>(std::move(session), metrics));
  }

  void submit(Job job) override {
    Lane& lane = *lanes_[job.loop->index()];
    if (lane.queue.size() >= policy_.max_queue) {
      metrics_.rejected.add();
      return job.done(base::fail(base::Code::kUnavailable, "the model's queue is full; try again later"));
    }
    job.timings.queued = base::now();
    metrics_.pending.add(1);
    runtime::EventLoop* loop = job.loop;
    lane.queue.push(std::move(job));
    if (!lane.flush_posted) {
      lane.flush_posted = true;
      loop->post([this, &lane, loop] { flush(lane, loop); });
    }
  }

  std::string describe() const override { return "on the event loops"; }

 private:
  struct Lane {
    Lane(std::unique_ptr<engine::Session> session, ModelMetrics& metrics)
        : runner(std::move(session), metrics) {}
    BatchQueue queue;
    BatchRunner runner;
    bool flush_posted = false;
    // Kept from flush to flush for their memory.
    std::vector<Job> batch;
    std::vector<Job> abandoned;
    std::vector<BatchRunner::ResponseResult> results;
  };

  // One batch, then the loop's other work, then the next.
  void flush(Lane& lane, runtime::EventLoop* loop) {
    lane.queue.take(policy_.max_batch_size, lane.batch, lane.abandoned);
    if (!lane.batch.empty()) lane.runner.run(lane.batch, lane.results);
    lane.flush_posted = !lane.queue.empty();
    if (lane.flush_posted) loop->post([this, &lane, loop] { flush(lane, loop); });

    metrics_.pending.add(-static_cast<std::int64_t>(lane.batch.size() + lane.abandoned.size()));
    for (std::size_t i = 0; i < lane.batch.size(); ++i) lane.batch[i].done(std::move(lane.results[i]));
    for (Job& job : lane.abandoned) {
      metrics_.cancelled.add();
      job.done(base::fail(base::Code::kCancelled, "the caller has gone"));
    }
    lane.batch.clear();
    lane.abandoned.clear();
    lane.results.clear();
  }

  const BatchPolicy policy_;
  ModelMetrics& metrics_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // by the loop's index
};

}  // namespace

std::unique_ptr<Scheduler> make_loop_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                               const BatchPolicy& policy, ModelMetrics& metrics) {
  return std::make_unique<LoopScheduler>(std::move(sessions), policy, metrics);
}

}  // namespace saccade::schedule
