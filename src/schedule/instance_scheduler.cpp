// The scheduler for models longer than a hop between threads: one queue, and one thread for each instance of
// the model. Answers go back to each job's loop, all of a batch that belong to one loop in one hop.
//
// A timekeeper's thread answers requests that have waited too long while all instances are busy. It starts
// with the first request that can expire.
#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <vector>

#include "schedule/batch_queue.h"
#include "schedule/batch_runner.h"
#include "schedule/drop.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

// What goes back to one loop.
struct Parcel {
  explicit Parcel(runtime::EventLoop* to) : loop(to) {}
  struct Answer {
    Done done;
    BatchRunner::ResponseResult result;
  };
  runtime::EventLoop* loop;
  std::vector<Answer> answers;
};
using Parcels = std::vector<Parcel>;

void pack(Job& job, BatchRunner::ResponseResult result, Parcels& parcels) {
  auto parcel = std::ranges::find(parcels, job.loop, &Parcel::loop);
  if (parcel == parcels.end()) parcel = parcels.emplace(parcels.end(), job.loop);
  parcel->answers.push_back({std::move(job.done), std::move(result)});
}

void send(Parcels parcels) {
  for (Parcel& parcel : parcels) {
    parcel.loop->post([answers = std::move(parcel.answers)]() mutable {
      for (Parcel::Answer& answer : answers) answer.done(std::move(answer.result));
    });
  }
}

// Lets batches go in the order of their tickets. Safe from any thread.
class Exit {
 public:
  void leave(std::uint64_t ticket, Parcels parcels) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(ticket, std::move(parcels));
    for (auto next = waiting_.find(next_); next != waiting_.end(); next = waiting_.find(++next_)) {
      send(std::move(next->second));
      waiting_.erase(next);
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, Parcels> waiting_;  // guarded by mutex_; at most one of each instance
  std::uint64_t next_ = 0;                    // guarded by mutex_
};

class InstanceScheduler final : public Scheduler {
 public:
  InstanceScheduler(std::vector<std::unique_ptr<engine::Session>> sessions, const BatchPolicy& policy,
                    MetricsPointer metrics)
      : policy_(policy), metrics_(std::move(metrics)), instances_(sessions.size()), queue_(policy_) {
    for (auto& session : sessions) {
      threads_.emplace_back([this, runner = BatchRunner(std::move(session), policy_.max_batch_size > 0,
                                                        *metrics_)]() mutable { work(runner); });
      pthread_setname_np(threads_.back().native_handle(), "instance");
    }
  }

  ~InstanceScheduler() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    expiry_changed_.notify_all();
    for (auto& thread : threads_) thread.join();
    if (timekeeper_.joinable()) timekeeper_.join();
  }

  void submit(Job job) override {
    job.timings.queued = base::now();
    std::unique_lock lock(mutex_);
    const base::TimePoint expiry_before = queue_.next_expiry();
    if (!queue_.push(job)) {
      lock.unlock();
      return refuse_for_room(job, *metrics_);
    }
    metrics_->pending.add(1);
    const bool wake = idle_ > 0;
    const bool sooner = queue_.next_expiry() < expiry_before;
    if (sooner && !timekeeper_.joinable()) {
      timekeeper_ = std::thread([this] { keep_time(); });
      pthread_setname_np(timekeeper_.native_handle(), "timekeeper");
    }
    lock.unlock();
    if (wake) changed_.notify_one();
    if (sooner) expiry_changed_.notify_one();
  }

  std::string describe() const override {
    return std::to_string(instances_) + (instances_ == 1 ? " instance" : " instances");
  }

 private:
  // What one turn of an instance takes out of the queue; kept from turn to turn for its memory.
  struct Turn {
    std::vector<Job> batch;
    std::vector<BatchQueue::Dropped> dropped;
    std::vector<BatchRunner::ResponseResult> results;
    base::TimePoint taken;
    std::uint64_t ticket = 0;
  };

  void work(BatchRunner& runner) {
    Turn turn;
    while (next_batch(turn)) {
      drop(turn.dropped);
      if (turn.batch.empty()) continue;
      runner.run(turn.batch, turn.taken, turn.results);
      metrics_->pending.add(-static_cast<std::int64_t>(turn.batch.size()));
      Parcels parcels;
      for (std::size_t i = 0; i < turn.batch.size(); ++i) {
        pack(turn.batch[i], std::move(turn.results[i]), parcels);
      }
      if (policy_.preserve_ordering) {
        exit_.leave(turn.ticket, std::move(parcels));
      } else {
        send(std::move(parcels));
      }
      turn.batch.clear();
      turn.results.clear();
    }
  }

  // Blocks until there is a batch; false: the scheduler ends and nothing waits any more.
  bool next_batch(Turn& turn) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (queue_.empty()) {
        if (stopping_) return false;
        ++idle_;
        changed_.wait(lock);
        --idle_;
        continue;
      }
      turn.taken = base::now();
      if (stopping_ || full_enough()) break;
      const auto due = queue_.oldest() + policy_.max_queue_delay;
      if (due <= turn.taken) break;
      ++idle_;
      changed_.wait_until(lock, due);
      --idle_;
    }
    queue_.take(turn.taken, turn.batch, turn.dropped);
    if (!turn.batch.empty()) turn.ticket = next_ticket_++;
    return true;
  }

  bool full_enough() const {
    if (policy_.max_queue_delay.count() == 0 || queue_.items() >= policy_.max_batch_size) return true;
    return std::ranges::find(policy_.preferred_batch_sizes, queue_.items()) !=
           policy_.preferred_batch_sizes.end();
  }

  void keep_time() {
    std::vector<BatchQueue::Dropped> dropped;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const base::TimePoint due = queue_.next_expiry();
      if (due == base::TimePoint::max()) {
        expiry_changed_.wait(lock);
        continue;
      }
      const base::TimePoint now = base::now();
      if (due > now) {
        expiry_changed_.wait_until(lock, due);
        continue;
      }
      queue_.expire(now, dropped);
      lock.unlock();
      drop(dropped);
      lock.lock();
    }
  }

  void drop(std::vector<BatchQueue::Dropped>& all) {
    if (all.empty()) return;
    metrics_->pending.add(-static_cast<std::int64_t>(all.size()));
    Parcels parcels;
    for (BatchQueue::Dropped& dropped : all) {
      count_drop(dropped, *metrics_);
      pack(dropped.job, std::unexpected(std::move(dropped.error)), parcels);
    }
    send(std::move(parcels));
    all.clear();
  }

  const BatchPolicy policy_;
  const MetricsPointer metrics_;
  const std::size_t instances_;
  Exit exit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable expiry_changed_;
  BatchQueue queue_;               // guarded by mutex_
  std::size_t idle_ = 0;           // guarded by mutex_: instances that wait
  std::uint64_t next_ticket_ = 0;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::thread timekeeper_;         // started under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Scheduler> make_instance_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                                   const BatchPolicy& policy, const MetricsPointer& metrics) {
  return std::make_unique<InstanceScheduler>(std::move(sessions), policy, metrics);
}

}  // namespace saccade::schedule
