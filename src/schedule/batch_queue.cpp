#include "schedule/batch_queue.h"

#include "schedule/batch_runner.h"

namespace saccade::schedule {

void BatchQueue::push(Job job) {
  items_ += job.items();
  jobs_.push_back(std::move(job));
}

void BatchQueue::take(std::int64_t max_batch_size, std::vector<Job>& batch, std::vector<Job>& abandoned) {
  const std::size_t first = batch.size();
  std::int64_t items = 0;
  std::deque<Job> kept;  // stay in the queue, in their order
  while (!jobs_.empty()) {
    Job& job = jobs_.front();
    if (job.caller_gone()) {
      items_ -= job.items();
      abandoned.push_back(std::move(job));
    } else if (batch.size() == first ||
               (items + job.items() <= max_batch_size && BatchRunner::compatible(batch[first], job))) {
      items += job.items();
      items_ -= job.items();
      batch.push_back(std::move(job));
    } else {
      kept.push_back(std::move(job));
    }
    jobs_.pop_front();
    if (batch.size() > first && items >= max_batch_size) break;
  }
  while (!kept.empty()) {
    jobs_.push_front(std::move(kept.back()));
    kept.pop_back();
  }
}

}  // namespace saccade::schedule
