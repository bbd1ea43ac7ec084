#include "record/log_intake.h"

#include <utility>

#include "record/retention.h"

namespace saccade::record {
namespace {

// Beside the bound in rows: inputs can be large.
constexpr std::size_t kQueueBytes = 256 << 20;
// Worth a commit before the flush interval ends.
constexpr std::size_t kBatchRows = 2'000;
constexpr std::size_t kBatchBytes = 4 << 20;

}  // namespace

base::Status LogIntake::check(const LogOptions& options) {
  if (options.queue_capacity == 0)
    return base::invalid_argument("prediction log: the queue needs room for a row");
  if (options.flush_interval.count() < 0)
    return base::invalid_argument("prediction log: negative flush interval");
  if (options.retention_age.count() < 0)
    return base::invalid_argument("prediction log: negative retention age");
  if (options.retention_bytes != 0 && options.retention_bytes < kLeastRetentionBytes) {
    return base::invalid_argument("prediction log: retention by size needs at least " +
                                  std::to_string(kLeastRetentionBytes) + " bytes, got " +
                                  std::to_string(options.retention_bytes));
  }
  return {};
}

LogIntake::LogIntake(const LogOptions& options, std::string naming,
                     std::chrono::milliseconds feedback_patience, observe::Registry& registry)
    : naming_(std::move(naming)),
      feedback_patience_(feedback_patience),
      queue_(std::make_shared<WriteQueue>(QueueLimits{.capacity = options.queue_capacity,
                                                      .max_bytes = kQueueBytes,
                                                      .batch_rows = kBatchRows,
                                                      .batch_bytes = kBatchBytes})),
      metrics_(registry, queue_) {}

void LogIntake::append(Prediction prediction, Wait wait, PredictionLog::Done done) {
  switch (queue_->push(std::move(prediction), wait, done)) {
    case WriteQueue::Entry::kEntered:
      return;
    case WriteQueue::Entry::kFull:
      metrics_.lost_full.add();
      return;
    case WriteQueue::Entry::kClosed:
      metrics_.lost_closed.add();
      if (wait != Wait::kNothing && done) done(std::unexpected(closed_error()));
      return;
  }
}

// Feedback travels as a row whose commit is waited for; the writer answers it by its own callback, or, where
// its commit failed, by the row's.
void LogIntake::append_feedback(Feedback feedback, PredictionLog::FeedbackDone done) {
  auto pending = std::make_shared<PendingFeedback>(
      PendingFeedback{.feedback = std::move(feedback), .done = std::move(done), .outcome = {}, .until = {}});
  pending->until = base::now() + feedback_patience_;
  Prediction row;
  row.feedback = pending;
  PredictionLog::Done failed = [pending](base::Status status) {
    pending->done(std::unexpected(status ? base::Error{} : std::move(status.error())));
  };
  if (queue_->push(std::move(row), Wait::kStored, failed) == WriteQueue::Entry::kClosed) {
    pending->done(std::unexpected(closed_error()));
  }
}

}  // namespace saccade::record
