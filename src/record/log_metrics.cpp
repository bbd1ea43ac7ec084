#include "record/log_metrics.h"

#include <string>

namespace saccade::record {
namespace {

observe::Counter& lost(observe::Registry& registry, const std::string& reason) {
  return registry.counter("saccade_log_lost_rows_total",
                          "Predictions that were answered but never stored: the queue was full (queue_full), "
                          "the database does not take "
                          "the row (refused), its commit failed and the caller was told so (commit_failed), "
                          "the log was closed (closed).",
                          {{"reason", reason}});
}

observe::Counter& deleted(observe::Registry& registry, const std::string& reason) {
  return registry.counter("saccade_log_deleted_rows_total",
                          "Rows that retention has deleted from the prediction log, by age or by size.",
                          {{"reason", reason}});
}

}  // namespace

LogMetrics::LogMetrics(observe::Registry& registry, const std::shared_ptr<const WriteQueue>& queue)
    : rows(registry.counter("saccade_log_rows_total", "Predictions stored in the prediction log.")),
      lost_full(lost(registry, "queue_full")),
      lost_refused(lost(registry, "refused")),
      lost_failed(lost(registry, "commit_failed")),
      lost_closed(lost(registry, "closed")),
      commit_duration(registry.histogram(
          "saccade_log_commit_duration_seconds",
          "Time that the prediction log's successful commits took, the writer's rests included.", {},
          observe::latency_bounds(), observe::kNanosecond)),
      failed_commits(
          registry.counter("saccade_log_failed_commits_total",
                           "Commits of the prediction log that failed; their rows are tried again.")),
      feedback(registry.counter("saccade_log_feedback_total", "Feedback stored with predictions.")),
      database_bytes(registry.gauge("saccade_log_database_bytes", "Size of the prediction log's database.")),
      deleted_by_age(deleted(registry, "age")),
      deleted_by_size(deleted(registry, "size")) {
  registry.gauge_from("saccade_log_queue_rows", "Predictions that wait to be stored.", {},
                      [queue = std::weak_ptr<const WriteQueue>(queue)] {
                        const auto alive = queue.lock();
                        return alive ? static_cast<double>(alive->rows()) : 0.0;
                      });
}

}  // namespace saccade::record
