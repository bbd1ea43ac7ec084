// The scheduler for models longer than a hop between threads: one queue, and one thread for each instance of
// the model. Answers go back to each job's loop, all of a batch that belong to one loop in one hop.
#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <vector>

#include "schedule/batch_queue.h"
#include "schedule/batch_runner.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

class InstanceScheduler final : public Scheduler {
 public:
  InstanceScheduler(std::vector<std::unique_ptr<engine::Session>> sessions, const BatchPolicy& policy,
                    ModelMetrics& metrics)
      : policy_(policy), metrics_(metrics), instances_(sessions.size()) {
    for (auto& session : sessions) {
      threads_.emplace_back(
          [this, runner = BatchRunner(std::move(session), metrics_)]() mutable { work(runner); });
      pthread_setname_np(threads_.back().native_handle(), "instance");
    }
  }

  ~InstanceScheduler() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void submit(Job job) override {
    job.timings.queued = base::now();
    std::unique_lock lock(mutex_);
    if (queue_.size() >= policy_.max_queue) {
      lock.unlock();
      metrics_.rejected.add();
      return job.done(base::fail(base::Code::kUnavailable, "the model's queue is full; try again later"));
    }
    metrics_.pending.add(1);
    queue_.push(std::move(job));
    const bool wake = idle_ > 0;
    lock.unlock();
    if (wake) changed_.notify_one();
  }

  std::string describe() const override {
    return std::to_string(instances_) + (instances_ == 1 ? " instance" : " instances");
  }

 private:
  struct Answer {
    Done done;
    BatchRunner::ResponseResult result;
  };

  // The answers of one batch that go to one loop.
  struct Parcel {
    explicit Parcel(runtime::EventLoop* to) : loop(to) {}
    runtime::EventLoop* loop;
    std::vector<Answer> answers;
  };

  void work(BatchRunner& runner) {
    std::vector<Job> batch;
    std::vector<Job> abandoned;
    std::vector<BatchRunner::ResponseResult> results;
    while (next_batch(batch, abandoned)) {
      if (!batch.empty()) runner.run(batch, results);
      for (std::size_t i = 0; i < abandoned.size(); ++i) {
        metrics_.cancelled.add();
        results.emplace_back(base::fail(base::Code::kCancelled, "the caller has gone"));
      }
      std::ranges::move(abandoned, std::back_inserter(batch));
      metrics_.pending.add(-static_cast<std::int64_t>(batch.size()));
      deliver(batch, results);
      batch.clear();
      abandoned.clear();
      results.clear();
    }
  }

  // Blocks until there is a batch; false: the scheduler ends and nothing waits any more.
  bool next_batch(std::vector<Job>& batch, std::vector<Job>& abandoned) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (queue_.empty()) {
        if (stopping_) return false;
        ++idle_;
        changed_.wait(lock);
        --idle_;
        continue;
      }
      if (stopping_ || full_enough()) break;
      const auto due = queue_.oldest() + policy_.max_queue_delay;
      if (due <= base::now()) break;
      ++idle_;
      changed_.wait_until(lock, due);
      --idle_;
    }
    queue_.take(policy_.max_batch_size, batch, abandoned);
    return true;
  }

  bool full_enough() const {
    if (policy_.max_queue_delay.count() == 0 || queue_.items() >= policy_.max_batch_size) return true;
    return std::ranges::find(policy_.preferred_batch_sizes, queue_.items()) !=
           policy_.preferred_batch_sizes.end();
  }

  static void deliver(std::vector<Job>& batch, std::vector<BatchRunner::ResponseResult>& results) {
    std::vector<Parcel> parcels;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto parcel = std::ranges::find(parcels, batch[i].loop, &Parcel::loop);
      if (parcel == parcels.end()) parcel = parcels.emplace(parcels.end(), batch[i].loop);
      parcel->answers.push_back({std::move(batch[i].done), std::move(results[i])});
    }
    for (Parcel& parcel : parcels) {
      parcel.loop->post([answers = std::move(parcel.answers)]() mutable {
        for (Answer& answer : answers) answer.done(std::move(answer.result));
      });
    }
  }

  const BatchPolicy policy_;
  ModelMetrics& metrics_;
  const std::size_t instances_;
  std::mutex mutex_;
  std::condition_variable changed_;
  BatchQueue queue_;       // guarded by mutex_
  std::size_t idle_ = 0;   // guarded by mutex_: instances that wait
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Scheduler> make_instance_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                                   const BatchPolicy& policy, ModelMetrics& metrics) {
  return std::make_unique<InstanceScheduler>(std::move(sessions), policy, metrics);
}

}  // namespace saccade::schedule
