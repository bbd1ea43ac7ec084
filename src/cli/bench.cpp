// `saccade bench`: the trade between batch and real time, measured: for each batch size how long a run takes,
// how many predictions a core makes in a second, and what a million of them cost.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/model_arguments.h"
#include "engine/onnxruntime/onnxruntime_engine.h"
#include "model/completion.h"
#include "observe/log.h"

namespace saccade::cli {
namespace {

struct Row {
  std::int64_t batch = 1;
  double p50_ms = 0;
  double p99_ms = 0;
  double per_second = 0;
  double cost_per_million = 0;
};

double percentile(std::vector<base::Duration>& times, double part) {
  const auto place = static_cast<std::ptrdiff_t>(std::ceil(part * static_cast<double>(times.size()))) - 1;
  const auto at = times.begin() + std::max<std::ptrdiff_t>(place, 0);
  std::ranges::nth_element(times, at);
  return static_cast<double>(at->count()) / 1e6;
}

std::vector<tensor::Tensor> inputs_for(const engine::Session& session, const model::CompletedModel& completed,
                                       std::int64_t batch) {
  std::vector<tensor::Tensor> inputs;
  for (const auto& input : session.facts().inputs) {
    tensor::Shape shape = input.shape;
    if (completed.signature->batches() && shape.rank() > 0) shape[0] = batch;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] < 0) shape[axis] = completed.probed.free_size;
    }
    inputs.push_back(model::make_sample(input.type, shape, 1));
  }
  return inputs;
}

base::Result<Row> measure(engine::Session& session, const model::CompletedModel& completed,
                          std::int64_t batch, const BenchOptions& options) {
  const std::vector<tensor::Tensor> inputs = inputs_for(session, completed, batch);
  std::vector<tensor::TensorView> views;
  views.reserve(inputs.size());
  for (const auto& input : inputs) views.push_back(input.view());
  for (int warm_up = 0; warm_up < 3; ++warm_up) {
    if (auto run = session.run(views); !run) return std::unexpected(run.error());
  }
  std::vector<base::Duration> times;
  const auto start = base::now();
  const auto end =
      start + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.seconds));
  while (times.size() < 5 || base::now() < end) {
    const auto before = base::now();
    if (auto run = session.run(views); !run) return std::unexpected(run.error());
    times.push_back(base::now() - before);
  }
  const double elapsed = base::seconds(base::now() - start);
  Row row{.batch = batch};
  row.per_second = static_cast<double>(batch) * static_cast<double>(times.size()) / elapsed;
  row.p50_ms = percentile(times, 0.50);
  row.p99_ms = percentile(times, 0.99);
  row.cost_per_million = 1e6 / row.per_second * options.threads * options.price_per_core_hour / 3600.0;
  return row;
}

void print_table(const std::string& name, const BenchOptions& options, const std::vector<Row>& rows,
                 std::int64_t best_throughput) {
  std::printf("%s, %d thread%s, a core at %g an hour\n\n", name.c_str(), options.threads,
              options.threads == 1 ? "" : "s", options.price_per_core_hour);
  std::printf("%6s  %12s  %12s  %14s  %16s\n", "batch", "p50 ms", "p99 ms", "predictions/s",
              "cost per million");
  for (const Row& row : rows) {
    std::printf("%6lld  %12.4f  %12.4f  %14.0f  %16.6f\n", static_cast<long long>(row.batch), row.p50_ms,
                row.p99_ms, row.per_second, row.cost_per_million);
  }
  std::printf("\nbest for latency: batch 1; best for throughput: batch %lld\n",
              static_cast<long long>(best_throughput));
}

void print_json(const std::string& name, const BenchOptions& options, const std::vector<Row>& rows,
                std::int64_t best_throughput) {
  std::printf("{\"model\":\"%s\",\"threads\":%d,\"price_per_core_hour\":%g,\"batches\":[", name.c_str(),
              options.threads, options.price_per_core_hour);
  for (const Row& row : rows) {
    std::printf(
        "%s{\"batch\":%lld,\"p50_ms\":%.6f,\"p99_ms\":%.6f,\"predictions_per_second\":%.1f,"
        "\"cost_per_million\":%.8f}",
        &row == &rows.front() ? "" : ",", static_cast<long long>(row.batch), row.p50_ms, row.p99_ms,
        row.per_second, row.cost_per_million);
  }
  std::printf("],\"best_batch_for_latency\":1,\"best_batch_for_throughput\":%lld}\n",
              static_cast<long long>(best_throughput));
}

int fail(const base::Error& error) {
  observe::log_error("{}", error.message);
  return 1;
}

}  // namespace

int bench(const BenchOptions& options) {
  observe::set_up_log("warning");
  auto found = find_all({options.model});
  if (!found) return fail(found.error());
  if (found->models.size() != 1) {
    if (!found->problems.empty()) return fail(found->problems.front());
    return fail(
        {base::Code::kInvalidArgument, options.model + " holds " + std::to_string(found->models.size()) +
                                           " models; name one of them: its .onnx file or its directory"});
  }
  auto engine = engine::onnxruntime::make_engine();
  if (!engine) return fail(engine.error());
  auto session = (*engine)->open(found->models.front().file, {.threads = options.threads});
  if (!session) return fail(session.error());
  const auto completed = model::complete(found->models.front(), **session, (*engine)->name() + "_onnx", {});
  if (!completed) return fail(completed.error());
  if (!completed->probed.ran) {
    return fail(
        {base::Code::kInvalidArgument, "made-up inputs don't fit the model: " + completed->probed.failure});
  }

  std::vector<Row> rows;
  for (std::int64_t batch = 1; batch <= options.max_batch; batch *= 2) {
    const auto row = measure(**session, *completed, batch, options);
    if (!row) return fail(row.error());
    rows.push_back(*row);
    if (!completed->signature->batches()) break;
  }
  const std::int64_t best = std::ranges::max_element(rows, {}, &Row::per_second)->batch;
  const std::string& name = completed->signature->name;
  if (options.json) {
    print_json(name, options, rows, best);
  } else {
    print_table(name, options, rows, best);
  }
  return 0;
}

}  // namespace saccade::cli
