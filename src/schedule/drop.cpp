#include "schedule/drop.h"

namespace saccade::schedule {

void count_drop(const BatchQueue::Dropped& dropped, ModelMetrics& metrics) {
  (dropped.error.code == base::Code::kCancelled ? metrics.cancelled : metrics.timed_out).add();
  metrics.count_failed(dropped.job.request.arrived, dropped.job.timings.queued);
}

void refuse_for_room(Job& job, ModelMetrics& metrics) {
  metrics.rejected.add();
  metrics.count_failed(job.request.arrived, job.timings.queued);
  job.done(base::fail(base::Code::kUnavailable, "the model's queue is full; try again later"));
}

}  // namespace saccade::schedule
