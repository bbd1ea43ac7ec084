#include "schedule/batch_runner.h"

#include <algorithm>
#include <cstring>

#include "base/clock.h"

namespace saccade::schedule {

using base::Code;

BatchRunner::BatchRunner(std::unique_ptr<engine::Session> session, bool batches, ModelMetrics& metrics,
                         StatisticsSheet& sheet)
    : session_(std::move(session)), batches_(batches), metrics_(metrics), sheet_(sheet) {
  bytes_.resize(session_->facts().inputs.size());
  texts_.resize(session_->facts().inputs.size());
}

bool BatchRunner::compatible(const Job& a, const Job& b) {
  for (std::size_t i = 0; i < a.request.inputs.size(); ++i) {
    const auto x = a.request.inputs[i].shape().dims();
    const auto y = b.request.inputs[i].shape().dims();
    if (x.empty() || y.empty() || !std::ranges::equal(x.subspan(1), y.subspan(1))) return false;
  }
  return true;
}

void BatchRunner::run(std::span<Job> jobs, base::TimePoint taken, std::vector<ResponseResult>& results) {
  for (Job& job : jobs) {
    job.timings.batched = taken;
    metrics_.queue_time.observe(taken - job.timings.queued);
  }
  if (jobs.size() == 1) {
    results.push_back(run_alone(jobs.front()));
  } else {
    run_together(jobs, results);
  }
  const base::TimePoint ended = base::now();
  for (Job& job : jobs) job.promise.ran = ended;
}

BatchRunner::ResponseResult BatchRunner::run_alone(Job& job) {
  views_.clear();
  for (const auto& input : job.request.inputs) views_.push_back(input.view());
  request::Timings& timings = job.timings;
  timings.run_started = base::now();
  auto outputs = session_->run(views_);
  timings.run_finished = base::now();
  timings.batch_size = job.items();
  metrics_.runs.add();
  metrics_.batch_size.observe(job.items());
  metrics_.run_time.observe(timings.run_finished - timings.run_started);
  base::Status good;
  if (!outputs) {
    good = std::unexpected(std::move(outputs.error()));
  } else if (batches_) {
    good = check_rows(**outputs, job.items());
  }
  request::InferenceResponse response;
  if (good) {
    response.outputs = (*outputs)->views;
    response.owner = *std::move(outputs);
  }
  timings.answered = base::now();
  sheet_.ran(job.items(), timings.run_started - timings.batched, timings.run_finished - timings.run_started,
             timings.answered - timings.run_finished);
  if (!good) {
    count_failure(job, good.error());
    return std::unexpected(std::move(good.error()));
  }
  count(job);
  metrics_.items.add(static_cast<std::uint64_t>(job.items()));
  response.timings = timings;
  return response;
}

void BatchRunner::join(std::span<Job> jobs) {
  views_.clear();
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    tensor::TensorView view = jobs.front().request.inputs[i].view();
    view.shape[0] = 0;
    std::size_t total = 0;
    for (const Job& job : jobs) {
      view.shape[0] += job.request.inputs[i].shape()[0];
      total += job.request.inputs[i].byte_size();
    }
    if (view.type == tensor::DataType::kBytes) {
      // Copied, not moved: a run that fails is repeated member by member.
      texts_[i].clear();
      for (const Job& job : jobs) {
        const auto& texts = job.request.inputs[i].strings();
        texts_[i].insert(texts_[i].end(), texts.begin(), texts.end());
      }
      view.strings = texts_[i].data();
    } else {
      // Never empty: rows without elements have a place, too.
      if (bytes_[i].size() <= total) bytes_[i].resize(total + 1);
      std::byte* place = bytes_[i].data();
      for (const Job& job : jobs) {
        const tensor::Tensor& input = job.request.inputs[i];
        std::memcpy(place, input.data(), input.byte_size());
        place += input.byte_size();
      }
      view.data = bytes_[i].data();
    }
    views_.push_back(view);
  }
}

base::Status BatchRunner::check_rows(const engine::RunOutputs& outputs, std::int64_t items) const {
  for (std::size_t i = 0; i < outputs.views.size(); ++i) {
    const tensor::Shape& shape = outputs.views[i].shape;
    if (shape.rank() == 0 || shape[0] != items) {
      return base::fail(Code::kInternal, "output \"" + session_->facts().outputs[i].name + "\" came as " +
                                             shape.text() + " for a batch of " + std::to_string(items) +
                                             "; its first dimension should be the batch");
    }
  }
  return {};
}

void BatchRunner::run_together(std::span<Job> jobs, std::vector<ResponseResult>& results) {
  join(jobs);
  std::int64_t items = 0;
  for (const Job& job : jobs) items += job.items();
  const base::TimePoint batched = jobs.front().timings.batched;
  const auto started = base::now();
  auto outputs = session_->run(views_);
  const auto finished = base::now();
  metrics_.runs.add();
  metrics_.batch_size.observe(items);
  metrics_.batch_time.observe(started - batched);
  metrics_.run_time.observe(finished - started);
  if (!outputs || !check_rows(**outputs, items)) {
    sheet_.ran(items, started - batched, finished - started, base::Duration{0});
    for (Job& job : jobs) results.push_back(run_alone(job));
    return;
  }
  const std::shared_ptr<engine::RunOutputs> owner = *std::move(outputs);
  const std::size_t first = results.size();
  std::int64_t row = 0;
  for (const Job& job : jobs) {
    request::InferenceResponse response;
    response.outputs.reserve(owner->views.size());
    for (const auto& view : owner->views) response.outputs.push_back(view.rows(row, job.items()));
    response.owner = owner;
    results.emplace_back(std::move(response));
    row += job.items();
  }
  const auto answered = base::now();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    request::Timings& timings = jobs[i].timings;
    timings.run_started = started;
    timings.run_finished = finished;
    timings.answered = answered;
    timings.batch_size = items;
    results[first + i]->timings = timings;
    sheet_.answered(timings, jobs[i].request.arrived, jobs[i].items());
  }
  sheet_.ran(items, started - batched, finished - started, answered - finished);
  metrics_.succeeded.add(jobs.size());
  metrics_.items.add(static_cast<std::uint64_t>(items));
}

void BatchRunner::count(const Job& job) {
  metrics_.succeeded.add();
  sheet_.answered(job.timings, job.request.arrived, job.items());
}

void BatchRunner::count_failure(const Job& job, const base::Error& error) {
  (error.code == Code::kInvalidArgument ? metrics_.refused : metrics_.failed).add();
  metrics_.count_failed(job.request.arrived, job.timings.queued);
}

}  // namespace saccade::schedule
