// The requests that wait for one place to run: by priority level, and in each the oldest first. Behind them
// in each level those that have waited too long, where the level's policy lets them wait on. Not
// synchronised.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "base/error.h"
#include "schedule/batch_policy.h"
#include "schedule/job.h"

namespace saccade::schedule {

class BatchQueue {
 public:
  // A request that leaves without a run, and why.
  struct Dropped {
    Job job;
    base::Error error;
  };

  // `policy` must outlive the queue.
  explicit BatchQueue(const BatchPolicy& policy);

  // Takes the job, whose timings.queued is set; false: there is no room, and the job is untouched.
  bool push(Job& job);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::int64_t items() const { return items_; }
  // When the one that has waited longest came; not while empty().
  base::TimePoint oldest() const;
  // No request needs to be dropped or set back before this.
  base::TimePoint next_expiry() const { return next_expiry_; }

  // Moves those whose time is over to `dropped`, or behind the others of their level.
  void expire(base::TimePoint now, std::vector<Dropped>& dropped);
  // Moves the next batch to the end of `batch`: the first request and those behind it that can share its run,
  // up to max_batch_size items (0: the first alone). Requests that need no run any more go to `dropped`.
  void take(base::TimePoint now, std::vector<Job>& batch, std::vector<Dropped>& dropped);

 private:
  struct Level {
    const QueuePolicy* policy = nullptr;
    std::deque<Job> in_time;
    std::deque<Job> delayed;
    std::size_t size() const { return in_time.size() + delayed.size(); }
  };
  Level& level_of(std::uint64_t priority);
  void expire(Level& level, std::deque<Job>& jobs, base::TimePoint now, std::vector<Dropped>& dropped);
  // False: the batch is complete.
  bool take_from(std::deque<Job>& jobs, std::size_t first, std::int64_t& items, std::vector<Job>& batch,
                 std::vector<Dropped>& dropped);
  void forget(const Job& job);

  const BatchPolicy& policy_;
  std::map<std::uint64_t, Level> levels_;  // at most policy_.priority_levels, or one
  std::size_t size_ = 0;
  std::int64_t items_ = 0;
  base::TimePoint next_expiry_ = base::TimePoint::max();
};

}  // namespace saccade::schedule
