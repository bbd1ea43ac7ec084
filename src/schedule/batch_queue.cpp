#include "schedule/batch_queue.h"

#include <algorithm>

#include "schedule/batch_runner.h"

namespace saccade::schedule {
namespace {

// The longest time that a request may wait for its run.
std::chrono::nanoseconds timeout_of(const QueuePolicy& policy, base::Duration asked) {
  base::Duration timeout = policy.default_timeout;
  if (policy.allow_timeout_override && asked.count() > 0) {
    timeout = timeout.count() == 0 ? asked : std::min(timeout, asked);
  }
  return timeout;
}

base::TimePoint expiry_of(const Job& job) {
  return std::min(job.expires, job.request.deadline);
}

}  // namespace

BatchQueue::BatchQueue(const BatchPolicy& policy) : policy_(policy) {}

BatchQueue::Level& BatchQueue::level_of(std::uint64_t priority) {
  if (priority == 0 || priority > policy_.priority_levels) priority = policy_.default_priority;
  Level& level = levels_[priority];
  if (level.policy == nullptr) {
    const auto own = policy_.level_queues.find(priority);
    level.policy = own == policy_.level_queues.end() ? &policy_.queue : &own->second;
  }
  return level;
}

bool BatchQueue::push(Job& job) {
  if (size_ >= policy_.max_queue) return false;
  Level& level = level_of(job.request.priority);
  if (level.policy->max_size > 0 && level.size() >= level.policy->max_size) return false;
  const base::Duration timeout = timeout_of(*level.policy, job.request.queue_timeout);
  // A wait so long that its end can't be said is none.
  const bool ends = timeout.count() > 0 && timeout < base::TimePoint::max() - job.timings.queued;
  job.expires = ends ? job.timings.queued + timeout : base::TimePoint::max();
  next_expiry_ = std::min(next_expiry_, expiry_of(job));
  ++size_;
  items_ += job.items();
  level.in_time.push_back(std::move(job));
  return true;
}

base::TimePoint BatchQueue::oldest() const {
  base::TimePoint oldest = base::TimePoint::max();
  for (const auto& [priority, level] : levels_) {
    for (const auto* jobs : {&level.in_time, &level.delayed}) {
      if (!jobs->empty()) oldest = std::min(oldest, jobs->front().timings.queued);
    }
  }
  return oldest;
}

void BatchQueue::forget(const Job& job) {
  --size_;
  items_ -= job.items();
}

void BatchQueue::expire(base::TimePoint now, std::vector<Dropped>& dropped) {
  if (next_expiry_ > now) return;
  next_expiry_ = base::TimePoint::max();
  for (auto& [priority, level] : levels_) {
    expire(level, level.in_time, now, dropped);
    expire(level, level.delayed, now, dropped);
  }
}

void BatchQueue::expire(Level& level, std::deque<Job>& jobs, base::TimePoint now,
                        std::vector<Dropped>& dropped) {
  std::deque<Job> kept;
  for (Job& job : jobs) {
    if (job.request.deadline <= now) {
      forget(job);
      dropped.push_back(
          {std::move(job),
           {base::Code::kDeadlineExceeded, "the request's deadline passed before the model could run it"}});
      continue;
    }
    if (job.expires <= now) {
      if (level.policy->timeout_action == QueuePolicy::TimeoutAction::kReject) {
        forget(job);
        dropped.push_back({std::move(job), {base::Code::kUnavailable, "Request timeout expired"}});
        continue;
      }
      // From `in_time`, always: what is delayed does not expire again. `delayed` is looked at afterwards.
      job.expires = base::TimePoint::max();
      level.delayed.push_back(std::move(job));
      continue;
    }
    next_expiry_ = std::min(next_expiry_, expiry_of(job));
    kept.push_back(std::move(job));
  }
  jobs = std::move(kept);
}

void BatchQueue::take(base::TimePoint now, std::vector<Job>& batch, std::vector<Dropped>& dropped) {
  expire(now, dropped);
  const std::size_t first = batch.size();
  std::int64_t items = 0;
  for (auto& [priority, level] : levels_) {
    if (!take_from(level.in_time, first, items, batch, dropped)) return;
    if (!take_from(level.delayed, first, items, batch, dropped)) return;
  }
}

bool BatchQueue::take_from(std::deque<Job>& jobs, std::size_t first, std::int64_t& items,
                           std::vector<Job>& batch, std::vector<Dropped>& dropped) {
  std::deque<Job> kept;  // stay in the queue, in their order
  bool complete = false;
  while (!jobs.empty() && !complete) {
    Job& job = jobs.front();
    if (job.caller_gone()) {
      forget(job);
      dropped.push_back({std::move(job), {base::Code::kCancelled, "the caller has gone"}});
    } else if (batch.size() == first || (items + job.items() <= policy_.max_batch_size &&
                                         BatchRunner::compatible(batch[first], job))) {
      forget(job);
      items += job.items();
      batch.push_back(std::move(job));
    } else if (policy_.preserve_ordering) {
      return false;
    } else {
      kept.push_back(std::move(job));
    }
    jobs.pop_front();
    complete = batch.size() > first && items >= policy_.max_batch_size;
  }
  while (!kept.empty()) {
    jobs.push_front(std::move(kept.back()));
    kept.pop_back();
  }
  return !complete;
}

}  // namespace saccade::schedule
