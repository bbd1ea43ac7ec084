// The requests that wait for one place to run, oldest first. Not synchronised.
#pragma once

#include <deque>
#include <vector>

#include "schedule/job.h"

namespace saccade::schedule {

class BatchQueue {
 public:
  void push(Job job);
  bool empty() const { return jobs_.empty(); }
  std::size_t size() const { return jobs_.size(); }
  std::int64_t items() const { return items_; }
  base::TimePoint oldest() const { return jobs_.front().timings.queued; }

  // Moves the next batch to the end of `batch`: the oldest request and those behind it that can share its
  // run, up to max_batch_size items (0: the oldest alone). Requests whose caller has gone go to `abandoned`.
  void take(std::int64_t max_batch_size, std::vector<Job>& batch, std::vector<Job>& abandoned);

 private:
  std::deque<Job> jobs_;
  std::int64_t items_ = 0;
};

}  // namespace saccade::schedule
