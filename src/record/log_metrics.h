// What the prediction log tells Prometheus. The registry owns the figures and outlives the log.
#pragma once

#include <cstdint>
#include <memory>

#include "observe/metrics.h"
#include "record/write_queue.h"

namespace saccade::record {

struct LogMetrics {
  // The queue is only looked at while it lives.
  LogMetrics(observe::Registry& registry, const std::shared_ptr<const WriteQueue>& queue);

  observe::Counter& rows;          // stored
  observe::Counter& lost_full;     // no room in the queue
  observe::Counter& lost_refused;  // the database does not take this row
  observe::Counter& lost_failed;   // somebody waited for a commit, and it failed
  observe::Counter& lost_closed;   // appended after close(), or given up by it
  observe::Histogram& commit_duration;
  observe::Counter& failed_commits;
  observe::Counter& feedback;  // stored
  observe::Gauge& database_bytes;
  observe::Counter& deleted_by_age;
  observe::Counter& deleted_by_size;
};

}  // namespace saccade::record
