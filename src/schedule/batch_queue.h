// The requests that wait for one place to run: by priority level, and in each the one first that has to be
// answered first (those without a limit as if they had one of a second). Behind them in each level those that
// have waited too long, where the level's policy lets them wait on. Not synchronised.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "schedule/batch_policy.h"
#include "schedule/job.h"
#include "schedule/latency_model.h"

namespace saccade::schedule {

class BatchQueue {
 public:
  enum class Why : std::uint8_t {
    kCancelled,  // the caller has gone
    kTimeout,    // waited longer than the level's policy allows
    kDeadline,   // its own deadline has passed
    kTooLate,    // can't be answered within its limit any more
    kUrgent,     // more urgent ones need the place
  };
  // A request that leaves without a run, and why.
  struct Dropped {
    Job job;
    base::Error error;
    Why why = Why::kCancelled;
  };
  // `policy` and `latency` must outlive the queue; without `latency` runs are taken to need no time.
  explicit BatchQueue(const BatchPolicy& policy, const LatencyModel* latency = nullptr);
  // What an answer needs from the end of its run until it has left.
  void set_after_run(base::Duration after) { after_run_ = after; }

  // Takes the job, whose timings.queued and promise are set; false: there is no room, and the job is
  // untouched.
  bool push(Job& job);
  bool full() const { return size_ >= policy_.max_queue; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::int64_t items() const { return items_; }
  // The level at which a request of this priority waits.
  std::uint64_t level(std::uint64_t priority) const {
    return priority == 0 || priority > policy_.priority_levels ? policy_.default_priority : priority;
  }
  // Items that are served before a newcomer of this level whose limit is no sooner than theirs.
  std::int64_t items_before(std::uint64_t level) const;
  // When the one that has waited longest came; not while empty().
  base::TimePoint oldest() const;
  // The soonest limit of all that wait; max() where none has one.
  base::TimePoint soonest_limit() const;
  // No request needs to be dropped or set back before this.
  base::TimePoint next_expiry() const { return next_expiry_; }

  // Moves those whose time is over to `dropped`, or behind the others of their level.
  void expire(base::TimePoint now, std::vector<Dropped>& dropped);
  // Moves the next batch to the end of `batch`: the first request and those behind it that can share its run,
  // up to `most` items (0: the first alone), and fewer where the run of more would make a member late.
  // Requests that need no run any more go to `dropped`.
  void take(base::TimePoint now, std::int64_t most, std::vector<Job>& batch, std::vector<Dropped>& dropped);
  void take(base::TimePoint now, std::vector<Job>& batch, std::vector<Dropped>& dropped) {
    take(now, policy_.max_batch_size, batch, dropped);
  }

  // The one that is served last, if its level is behind `level`; null: there is none.
  const Job* last_behind(std::uint64_t level) const;
  // Lets it go for a more urgent one.
  void evict_last(base::Error error, std::vector<Dropped>& dropped);

 private:
  struct Level {
    const QueuePolicy* policy = nullptr;
    std::deque<Job> in_time;
    std::deque<Job> delayed;
    std::int64_t items = 0;
    std::size_t size() const { return in_time.size() + delayed.size(); }
  };
  // A batch that is being put together.
  struct Taking {
    base::TimePoint now;
    std::int64_t most;
    std::size_t first;  // its first member's place
    std::int64_t items = 0;
  };
  Level& level_at(std::uint64_t number);
  // From the beginning of a run to its answers, at the quantile.
  base::Duration until_answer(std::int64_t items) const;
  base::TimePoint expiry_of(const Job& job) const;
  // What it is to be dropped for; nothing: it may stay.
  std::optional<std::pair<Why, base::Error>> over(const Job& job, base::TimePoint now) const;
  bool expires(const Level& level, const Job& job, base::TimePoint now) const;
  void expire(Level& level, std::deque<Job>& jobs, base::TimePoint now, std::vector<Dropped>& dropped);
  // False: the batch is complete.
  bool take_from(Level& level, std::deque<Job>& jobs, Taking& taking, std::vector<Job>& batch,
                 std::vector<Dropped>& dropped);
  // Whether it can join; makes `most` smaller where its limit asks for that.
  bool joins(const Job& job, Taking& taking, const std::vector<Job>& batch) const;
  std::int64_t most_until(base::Duration left, std::int64_t least, std::int64_t most) const;
  void drop(Level& level, Job& job, Why why, base::Error error, std::vector<Dropped>& dropped);

  const BatchPolicy& policy_;
  const LatencyModel* const latency_;
  base::Duration after_run_{0};
  std::map<std::uint64_t, Level> levels_;  // at most policy_.priority_levels, or one
  std::size_t size_ = 0;
  std::int64_t items_ = 0;
  base::TimePoint next_expiry_ = base::TimePoint::max();
  std::vector<Job> passed_over_;  // by the batch under way, in their order; empty in between
};

}  // namespace saccade::schedule
