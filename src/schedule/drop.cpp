#include "schedule/drop.h"

namespace saccade::schedule {

void count_drop(const BatchQueue::Dropped& dropped, ModelMetrics& metrics) {
  using Why = BatchQueue::Why;
  switch (dropped.why) {
    case Why::kCancelled:
      metrics.cancelled.add();
      metrics.dropped_cancelled.add();
      break;
    case Why::kTimeout:
      metrics.timed_out.add();
      metrics.dropped_timeout.add();
      break;
    case Why::kDeadline:
      metrics.timed_out.add();
      metrics.dropped_deadline.add();
      break;
    case Why::kTooLate:
      metrics.timed_out.add();
      metrics.dropped_too_late.add();
      break;
    case Why::kUrgent:
      metrics.rejected.add();
      metrics.dropped_urgent.add();
      break;
  }
  metrics.count_failed(dropped.job.request.arrived, dropped.job.timings.queued);
}

void refuse(Job& job, base::Error error, ModelMetrics& metrics) {
  metrics.rejected.add();
  metrics.count_failed(job.request.arrived, job.timings.queued);
  job.done(std::unexpected(std::move(error)));
}

}  // namespace saccade::schedule
