// The front of every log: checks its options, owns the queue, and counts what does not get into it.
//
// append() and append_feedback() are safe from any thread and never block.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "record/log_metrics.h"
#include "record/prediction_log.h"
#include "record/write_queue.h"

namespace saccade::record {

class LogIntake {
 public:
  static base::Status check(const LogOptions& options);

  // `naming`: how messages about the log begin.
  LogIntake(const LogOptions& options, std::string naming, std::chrono::milliseconds feedback_patience,
            observe::Registry& registry);

  void append(Prediction prediction, Wait wait, PredictionLog::Done done);
  void append_feedback(Feedback feedback, PredictionLog::FeedbackDone done);
  // What every call after close() is answered with.
  base::Error closed_error() const { return {base::Code::kUnavailable, naming_ + "is closed"}; }

  const std::shared_ptr<WriteQueue>& queue() const { return queue_; }
  LogMetrics& metrics() { return metrics_; }

 private:
  const std::string naming_;
  const std::chrono::milliseconds feedback_patience_;
  const std::shared_ptr<WriteQueue> queue_;
  LogMetrics metrics_;
};

}  // namespace saccade::record
