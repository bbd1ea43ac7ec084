// The scheduler for models longer than a hop between threads: one queue, whose batches run on the pool's
// threads, as many side by side as the pool has places for this model and up to its own bound.
//
// Its lock guards the planner; the pool's is taken inside it, by want(). What is wanted of the pool is said
// again only where it has become more or sooner: while runs go on a request that joins the queue costs
// nothing there.
#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "schedule/drop.h"
#include "schedule/instance_set.h"
#include "schedule/parcels.h"
#include "schedule/planner.h"
#include "schedule/run_pool.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using base::TimePoint;

class InstanceScheduler final : public Scheduler, private RunPool::Work {
 public:
  InstanceScheduler(std::shared_ptr<RunPool> pool, RunSessions sessions, const BatchPolicy& policy,
                    MetricsPointer metrics)
      : policy_(policy),
        metrics_(std::move(metrics)),
        threads_(sessions.threads),
        lone_threads_(sessions.lone == nullptr ? 0 : sessions.lone_threads),
        pool_(std::move(pool)),
        instances_(std::move(sessions.sessions), std::move(sessions.lone), policy_.max_batch_size > 0,
                   policy_.min_instances, sessions.keep, metrics_),
        seat_(pool_->join(*this, {.places = threads_,
                                  .most = policy_.max_instances,
                                  .weight = policy_.weight,
                                  .expected = sessions.run_time})),
        planner_(policy_, metrics_, RunPool::instances(seat_)),
        told_{planner_.admission(), metrics_},
        exit_(told_) {}

  // Runs what waits.
  ~InstanceScheduler() override {
    {
      std::unique_lock lock(mutex_);
      stopping_ = true;
      {
        const RunPool::Wake wake = say(base::now(), true);
      }
      drained_.wait(lock, [this] { return planner_.empty() && turns_ == 0; });
    }
    pool_->leave(seat_);
  }

  void submit(Job job) override {
    const TimePoint now = base::now();
    job.timings.queued = now;
    std::vector<BatchQueue::Dropped> evicted;
    {
      RunPool::Wake wake;
      std::unique_lock lock(mutex_);
      if (auto error = planner_.enter(job, evicted)) {
        lock.unlock();
        return refuse(job, *std::move(error), *metrics_);
      }
      metrics_->pending.add(1);
      wake = say(now, false);
    }
    drop(evicted);
  }

  std::string describe() const override {
    const std::size_t most = RunPool::most(seat_);
    return (most == 1 ? "1 instance" : "up to " + std::to_string(most) + " instances") +
           (threads_ > 1 ? " of " + std::to_string(threads_) + " threads" : "") +
           (lone_threads_ > 0 ? ", " + std::to_string(lone_threads_) + " threads for a lone request" : "");
  }

  ScheduleReport report() const override {
    ScheduleReport report = planner_.report();
    report.place = "instances";
    report.instances = instances_.size();
    report.min_instances = std::max<std::size_t>(policy_.min_instances, 1);
    report.max_instances = RunPool::most(seat_);
    report.lone_threads = lone_threads_;
    return report;
  }

  std::optional<base::Error> would_refuse(runtime::EventLoop& loop, TimePoint begun) override {
    return planner_.would_refuse(&loop, begun, base::now());
  }

 private:
  // Tells the pool what is wanted now, if that is more or sooner than what it knows, or in any case. Under
  // mutex_; what it returns is to end after the lock.
  [[nodiscard]] RunPool::Wake say(TimePoint now, bool in_any_case) {
    planner_.set_contended(pool_->contended());
    if (const std::size_t count = RunPool::instances(seat_); count != countable_) {
      planner_.set_instances(countable_ = count);
    }
    RunPool::Want want;
    if (!planner_.empty()) want.due = stopping_ ? now : planner_.due(now);
    want.look = std::min(planner_.next_expiry(), instances_.next_spare());
    if (!in_any_case && want.due >= said_.due && want.look >= said_.look) return {};
    want.start_by = planner_.start_by();
    said_ = want;
    return pool_->want(seat_, want);
  }

  // With more threads, where the one request that waits has all places to itself. What comes meanwhile runs
  // beside it, so that for one run at most there are more threads than processors.
  InstanceSet::Taken take_instance() {
    InstanceSet::Taken lone;
    if (lone_threads_ > 0 && goes_alone()) lone = instances_.take_lone();
    return lone != nullptr ? std::move(lone) : instances_.take();
  }

  // The model's own turns whose run has ended, and whose answer may be what brought this request, hold nobody
  // up.
  bool goes_alone() {
    const std::lock_guard lock(mutex_);
    return planner_.waiting() == 1 && planner_.running() == 0 && pool_->alone(seat_) && planner_.lone_pays();
  }

  bool run(base::Duration waited) override {
    InstanceSet::Taken instance = take_instance();
    if (instance == nullptr) {
      // The session can't be shared. Those that there are have to do.
      pool_->lower_most(seat_, instances_.size());
      RunPool::Wake wake;
      const std::lock_guard lock(mutex_);
      wake = say(base::now(), true);
      return false;
    }
    Planner::Run run;
    std::uint64_t ticket = 0;
    {
      RunPool::Wake wake;
      const std::lock_guard lock(mutex_);
      run = planner_.take(base::now(), instance->batch, instance->dropped, instance->lone);
      if (run.items > 0) ticket = next_ticket_++;
      ++turns_;
      wake = say(base::now(), true);
    }
    drop(instance->dropped);
    Parcels parcels;
    if (run.items > 0) parcels = run_batch(*instance, run, waited);
    const TimePoint now = base::now();
    instances_.give(std::move(instance), now);
    if (run.items > 0) leave(std::move(parcels), ticket);
    RunPool::Wake wake;
    const std::lock_guard lock(mutex_);
    --turns_;
    wake = say(now, false);
    if (stopping_ && turns_ == 0 && planner_.empty()) drained_.notify_all();
    return run.items > 0;
  }

  Parcels run_batch(Instance& instance, const Planner::Run& run, base::Duration waited) {
    metrics_->place_wait.observe(waited);
    if (instance.lone) metrics_->lone_runs.add();
    instance.runner.run(instance.batch, run.taken, instance.results);
    const TimePoint end = base::now();
    metrics_->place_time.fetch_add(
        static_cast<std::uint64_t>((end - run.taken).count()) * std::max<std::size_t>(threads_, 1),
        std::memory_order_relaxed);
    metrics_->pending.add(-static_cast<std::int64_t>(instance.batch.size()));
    const bool failed =
        std::ranges::none_of(instance.results, [](const auto& result) { return result.has_value(); });
    Parcels parcels;
    for (std::size_t i = 0; i < instance.batch.size(); ++i) {
      pack(instance.batch[i], std::move(instance.results[i]), parcels);
    }
    instance.batch.clear();
    instance.results.clear();
    const std::lock_guard lock(mutex_);
    planner_.ended(run, end, failed);
    return parcels;
  }

  void leave(Parcels parcels, std::uint64_t ticket) {
    if (policy_.preserve_ordering) {
      exit_.leave(ticket, std::move(parcels));
    } else {
      send(std::move(parcels), told_);
    }
  }

  void look(TimePoint now) override {
    std::vector<BatchQueue::Dropped> dropped;
    instances_.end_spare(now);
    {
      RunPool::Wake wake;
      const std::lock_guard lock(mutex_);
      planner_.expire(now, dropped);
      wake = say(now, true);
      if (stopping_ && turns_ == 0 && planner_.empty()) drained_.notify_all();
    }
    drop(dropped);
  }

  void drop(std::vector<BatchQueue::Dropped>& all) {
    if (all.empty()) return;
    metrics_->pending.add(-static_cast<std::int64_t>(all.size()));
    Parcels parcels;
    for (BatchQueue::Dropped& dropped : all) {
      count_drop(dropped, *metrics_);
      pack(dropped.job, std::unexpected(std::move(dropped.error)), parcels);
    }
    send(std::move(parcels), told_);
    all.clear();
  }

  const BatchPolicy policy_;
  const MetricsPointer metrics_;
  const std::size_t threads_;       // of one run
  const std::size_t lone_threads_;  // of one that has the machine to itself; 0: as of all others
  const std::shared_ptr<RunPool> pool_;
  InstanceSet instances_;
  RunPool::Seat& seat_;
  std::mutex mutex_;
  std::condition_variable drained_;
  Planner planner_;  // guarded by mutex_
  const Told told_;
  Exit exit_;
  RunPool::Want said_;             // guarded by mutex_: to the pool, at the last
  std::size_t countable_ = 0;      // guarded by mutex_: instances, as the planner knows
  std::size_t turns_ = 0;          // guarded by mutex_: calls of run() under way that have taken a batch
  std::uint64_t next_ticket_ = 0;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
};

}  // namespace

std::unique_ptr<Scheduler> make_instance_scheduler(std::shared_ptr<RunPool> pool, RunSessions sessions,
                                                   const BatchPolicy& policy, const MetricsPointer& metrics) {
  return std::make_unique<InstanceScheduler>(std::move(pool), std::move(sessions), policy, metrics);
}

}  // namespace saccade::schedule
