#include "schedule/batch_queue.h"

#include <algorithm>
#include <ranges>

#include "schedule/batch_runner.h"

namespace saccade::schedule {
namespace {

using base::Code;

// Those whose limit is far away, or who have none, stand in the order as if they had this one: behind the
// pressing ones, and not for ever.
constexpr base::Duration kPatience = std::chrono::seconds(1);

// The longest time that a request may wait for its run.
std::chrono::nanoseconds timeout_of(const QueuePolicy& policy, base::Duration asked) {
  base::Duration timeout = policy.default_timeout;
  if (policy.allow_timeout_override && asked.count() > 0) {
    timeout = timeout.count() == 0 ? asked : std::min(timeout, asked);
  }
  return timeout;
}

base::TimePoint order_of(const Job& job) {
  return std::min(job.promise.limit, job.timings.queued + kPatience);
}

base::Error too_late(base::Duration again) {
  base::Error error{Code::kUnavailable, "the model can't answer in time any more; it has too much to do"};
  error.retry_after =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(again), std::chrono::milliseconds(1));
  return error;
}

}  // namespace

BatchQueue::BatchQueue(const BatchPolicy& policy, const LatencyModel* latency)
    : policy_(policy), latency_(latency) {}

BatchQueue::Level& BatchQueue::level_at(std::uint64_t number) {
  Level& level = levels_[number];
  if (level.policy == nullptr) {
    const auto own = policy_.level_queues.find(number);
    level.policy = own == policy_.level_queues.end() ? &policy_.queue : &own->second;
  }
  return level;
}

base::Duration BatchQueue::until_answer(std::int64_t items) const {
  return latency_ == nullptr ? base::Duration{0} : latency_->time(items).likely + after_run_;
}

base::TimePoint BatchQueue::expiry_of(const Job& job) const {
  base::TimePoint expiry = std::min(job.expires, job.request.deadline);
  if (job.promise.drop_after != base::TimePoint::max()) {
    expiry = std::min(expiry, job.promise.drop_after - until_answer(job.items()));
  }
  return expiry;
}

bool BatchQueue::push(Job& job) {
  if (full()) return false;
  Level& level = level_at(this->level(job.request.priority));
  if (level.policy->max_size > 0 && level.size() >= level.policy->max_size) return false;
  const base::Duration timeout = timeout_of(*level.policy, job.request.queue_timeout);
  // A wait so long that its end can't be said is none.
  const bool ends = timeout.count() > 0 && timeout < base::TimePoint::max() - job.timings.queued;
  job.expires = ends ? job.timings.queued + timeout : base::TimePoint::max();
  next_expiry_ = std::min(next_expiry_, expiry_of(job));
  ++size_;
  items_ += job.items();
  level.items += job.items();
  auto place = level.in_time.end();
  if (!policy_.preserve_ordering) {
    const base::TimePoint order = order_of(job);
    while (place != level.in_time.begin() && order_of(*std::prev(place)) > order) --place;
  }
  level.in_time.insert(place, std::move(job));
  return true;
}

std::int64_t BatchQueue::items_before(std::uint64_t level) const {
  std::int64_t items = 0;
  for (const auto& [number, at] : levels_) {
    if (number > level) break;
    items += at.items;
  }
  return items;
}

base::TimePoint BatchQueue::oldest() const {
  base::TimePoint oldest = base::TimePoint::max();
  for (const auto& [number, level] : levels_) {
    for (const auto* jobs : {&level.in_time, &level.delayed}) {
      // In the order of their limits, which is near that of their coming: where limits differ the one at the
      // head stands for all.
      if (!jobs->empty()) oldest = std::min(oldest, jobs->front().timings.queued);
    }
  }
  return oldest;
}

base::TimePoint BatchQueue::soonest_limit() const {
  base::TimePoint soonest = base::TimePoint::max();
  for (const auto& [number, level] : levels_) {
    if (!level.in_time.empty()) soonest = std::min(soonest, level.in_time.front().promise.drop_after);
  }
  return soonest;
}

void BatchQueue::drop(Level& level, Job& job, Why why, base::Error error, std::vector<Dropped>& dropped) {
  --size_;
  items_ -= job.items();
  level.items -= job.items();
  dropped.push_back({std::move(job), std::move(error), why});
}

std::optional<std::pair<BatchQueue::Why, base::Error>> BatchQueue::over(const Job& job,
                                                                        base::TimePoint now) const {
  if (job.request.deadline <= now) {
    return {{Why::kDeadline,
             {Code::kDeadlineExceeded, "the request's deadline passed before the model could run it"}}};
  }
  if (job.promise.drop_after != base::TimePoint::max() &&
      job.promise.drop_after < now + until_answer(job.items())) {
    return {{Why::kTooLate, too_late(until_answer(job.items()))}};
  }
  return {};
}

bool BatchQueue::expires(const Level& level, const Job& job, base::TimePoint now) const {
  return job.expires <= now && level.policy->timeout_action == QueuePolicy::TimeoutAction::kReject;
}

void BatchQueue::expire(base::TimePoint now, std::vector<Dropped>& dropped) {
  if (next_expiry_ > now) return;
  next_expiry_ = base::TimePoint::max();
  for (auto& [number, level] : levels_) {
    expire(level, level.in_time, now, dropped);
    expire(level, level.delayed, now, dropped);
  }
}

void BatchQueue::expire(Level& level, std::deque<Job>& jobs, base::TimePoint now,
                        std::vector<Dropped>& dropped) {
  std::deque<Job> kept;
  for (Job& job : jobs) {
    if (auto reason = over(job, now)) {
      drop(level, job, reason->first, std::move(reason->second), dropped);
      continue;
    }
    if (job.expires <= now) {
      if (expires(level, job, now)) {
        drop(level, job, Why::kTimeout, {Code::kUnavailable, "Request timeout expired"}, dropped);
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

void BatchQueue::take(base::TimePoint now, std::int64_t most, std::vector<Job>& batch,
                      std::vector<Dropped>& dropped) {
  expire(now, dropped);
  Taking taking{.now = now, .most = most, .first = batch.size()};
  for (auto& [number, level] : levels_) {
    if (!take_from(level, level.in_time, taking, batch, dropped)) return;
    if (!take_from(level, level.delayed, taking, batch, dropped)) return;
  }
}

// The largest run of at least `least` and at most `most` items that is over within `left`.
std::int64_t BatchQueue::most_until(base::Duration left, std::int64_t least, std::int64_t most) const {
  while (least < most) {
    const std::int64_t middle = least + (most - least + 1) / 2;
    if (until_answer(middle) <= left) {
      least = middle;
    } else {
      most = middle - 1;
    }
  }
  return least;
}

bool BatchQueue::joins(const Job& job, Taking& taking, const std::vector<Job>& batch) const {
  const bool first = batch.size() == taking.first;
  const std::int64_t items = taking.items + job.items();
  if (!first && (items > taking.most || !BatchRunner::compatible(batch[taking.first], job))) return false;
  if (job.promise.drop_after == base::TimePoint::max()) return true;
  const base::Duration left = job.promise.drop_after - taking.now;
  if (until_answer(std::max(items, taking.most)) <= left) return true;
  if (!first && until_answer(items) > left) return false;
  taking.most = most_until(left, items, std::max(items, taking.most));
  return true;
}

bool BatchQueue::take_from(Level& level, std::deque<Job>& jobs, Taking& taking, std::vector<Job>& batch,
                           std::vector<Dropped>& dropped) {
  bool complete = false;
  while (!jobs.empty() && !complete) {
    Job& job = jobs.front();
    if (job.caller_gone()) {
      drop(level, job, Why::kCancelled, {Code::kCancelled, "the caller has gone"}, dropped);
    } else if (joins(job, taking, batch)) {
      --size_;
      items_ -= job.items();
      level.items -= job.items();
      taking.items += job.items();
      batch.push_back(std::move(job));
    } else if (policy_.preserve_ordering) {
      break;
    } else {
      passed_over_.push_back(std::move(job));
    }
    jobs.pop_front();
    complete = batch.size() > taking.first && taking.items >= taking.most;
  }
  const bool stuck = policy_.preserve_ordering && !jobs.empty();
  while (!passed_over_.empty()) {
    jobs.push_front(std::move(passed_over_.back()));
    passed_over_.pop_back();
  }
  return !complete && !stuck;
}

const Job* BatchQueue::last_behind(std::uint64_t level) const {
  for (auto at = levels_.rbegin(); at != levels_.rend() && at->first > level; ++at) {
    if (!at->second.delayed.empty()) return &at->second.delayed.back();
    if (!at->second.in_time.empty()) return &at->second.in_time.back();
  }
  return nullptr;
}

void BatchQueue::evict_last(base::Error error, std::vector<Dropped>& dropped) {
  for (auto& [number, level] : std::views::reverse(levels_)) {
    std::deque<Job>& jobs = level.delayed.empty() ? level.in_time : level.delayed;
    if (jobs.empty()) continue;
    drop(level, jobs.back(), Why::kUrgent, std::move(error), dropped);
    jobs.pop_back();
    return;
  }
}

}  // namespace saccade::schedule
