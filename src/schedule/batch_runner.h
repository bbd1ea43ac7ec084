// Runs a batch: joins the members' inputs, runs the session once, deals the outputs out again.
//
// One thread at a time; an instance owns one. Each job leaves with its result in `results`, in order.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "schedule/job.h"
#include "schedule/model_metrics.h"

namespace saccade::schedule {

class BatchRunner {
 public:
  using ResponseResult = base::Result<request::InferenceResponse>;

  // `batches`: the first dimension of each output must be the batch.
  BatchRunner(std::unique_ptr<engine::Session> session, bool batches, ModelMetrics& metrics)
      : BatchRunner(std::move(session), batches, metrics, metrics.statistics.add_sheet()) {}
  // With a sheet that no other runner writes any more.
  BatchRunner(std::unique_ptr<engine::Session> session, bool batches, ModelMetrics& metrics,
              StatisticsSheet& sheet);

  // Members whose inputs agree in all but the first dimension share a run; others get one of their own. The
  // jobs' items together are at most max_batch_size. Adds one result per job to `results`. `taken`: when the
  // jobs left the queue.
  void run(std::span<Job> jobs, base::TimePoint taken, std::vector<ResponseResult>& results);

  // Whether two requests can share a run.
  static bool compatible(const Job& a, const Job& b);

 private:
  // A run of several members that failed is repeated member by member, so that a bad one fails alone.
  void run_together(std::span<Job> jobs, std::vector<ResponseResult>& results);
  ResponseResult run_alone(Job& job);
  void join(std::span<Job> jobs);
  base::Status check_rows(const engine::RunOutputs& outputs, std::int64_t items) const;
  // What comes of a run whose outputs were dealt out.
  void count(const Job& job);
  void count_failure(const Job& job, const base::Error& error);

  std::unique_ptr<engine::Session> session_;
  bool batches_;
  ModelMetrics& metrics_;
  StatisticsSheet& sheet_;
  // The joined inputs; kept from run to run for their memory.
  std::vector<tensor::TensorView> views_;
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<std::vector<std::string>> texts_;
};

}  // namespace saccade::schedule
