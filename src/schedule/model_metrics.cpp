#include "schedule/model_metrics.h"

namespace saccade::schedule {
namespace {

observe::Counter& requests(observe::Registry& registry, observe::Labels labels, const char* outcome) {
  labels.emplace_back("outcome", outcome);
  return registry.counter(
      "saccade_inference_requests_total",
      "Inference requests by outcome: success, invalid (the request was at fault), error (the "
      "model or the server was), rejected (no room in the queue), timeout (waited longer than allowed), "
      "cancelled (the caller had gone).",
      labels);
}

double micros(const request::DurationSum& sum) {
  const std::uint64_t whole = sum.nanoseconds / 1'000;
  return static_cast<double>(whole);
}

observe::Histogram& duration(observe::Registry& registry, const observe::Labels& labels, const char* name,
                             const char* help) {
  return registry.histogram(name, help, labels, observe::latency_bounds(), observe::kNanosecond);
}

}  // namespace

ModelMetrics::ModelMetrics(observe::Registry& registry, const std::string& model, const std::string& version)
    : ModelMetrics(registry, observe::Labels{{"model", model}, {"version", version}}) {}

ModelMetrics::ModelMetrics(observe::Registry& registry, const observe::Labels& labels)
    : succeeded(requests(registry, labels, "success")),
      refused(requests(registry, labels, "invalid")),
      failed(requests(registry, labels, "error")),
      rejected(requests(registry, labels, "rejected")),
      timed_out(requests(registry, labels, "timeout")),
      cancelled(requests(registry, labels, "cancelled")),
      items(registry.counter("saccade_inference_items_total",
                             "Items predicted: a request that carries a batch of 8 adds 8.", labels)),
      runs(registry.counter("saccade_model_runs_total", "Runs of the model, each with one batch.", labels)),
      pending(registry.gauge("saccade_pending_requests", "Requests that wait for the model or are in it.",
                             labels)),
      queue_time(duration(registry, labels, "saccade_queue_duration_seconds",
                          "Time of a request between the scheduler's door and its batch.")),
      batch_time(duration(registry, labels, "saccade_batch_duration_seconds",
                          "Time to join the inputs of a batch's members.")),
      run_time(duration(registry, labels, "saccade_run_duration_seconds", "Time of one run of the model.")),
      batch_size(registry.histogram("saccade_batch_size", "Items in one run of the model.", labels,
                                    {1, 2, 4, 8, 16, 32, 64, 128, 256}, 1.0)) {
  add_triton_metrics(registry, labels);
}

// The names and meanings that dashboards for Triton know. Durations are sums over requests, in microseconds.
void ModelMetrics::add_triton_metrics(observe::Registry& registry, const observe::Labels& labels) {
  using Read = double (*)(const request::ModelStatistics&);
  const auto add = [&](const char* name, const char* help, Read read) {
    sources_.push_back(
        registry.counter_source(name, help, labels, [this, read] { return read(statistics.totals()); }));
  };
  const auto add_failures = [&](const char* reason, std::initializer_list<const observe::Counter*> counters) {
    observe::Labels with_reason = labels;
    with_reason.emplace_back("reason", reason);
    // These count on for good already, so only one copy of the version may bring them in.
    registry.counter_from("nv_inference_request_failure",
                          "Inference requests that failed, as Triton counts them, by reason.", with_reason,
                          [known = std::vector(counters)] {
                            double sum = 0;
                            for (const observe::Counter* counter : known) {
                              sum += static_cast<double>(counter->value());
                            }
                            return sum;
                          });
  };
  add("nv_inference_request_success", "Inference requests that succeeded, as Triton counts them.",
      [](const auto& sum) { return static_cast<double>(sum.success.count); });
  add_failures("REJECTED", {&rejected, &timed_out});
  add_failures("CANCELED", {&cancelled});
  add_failures("BACKEND", {&failed});
  add_failures("OTHER", {&refused});
  add("nv_inference_count", "Items predicted, as Triton counts them.",
      [](const auto& sum) { return static_cast<double>(sum.inference_count); });
  add("nv_inference_exec_count", "Runs of the model, as Triton counts them.",
      [](const auto& sum) { return static_cast<double>(sum.execution_count); });
  add("nv_inference_request_duration_us", "Time of all successful requests in the server, in microseconds.",
      [](const auto& sum) { return micros(sum.success); });
  add("nv_inference_queue_duration_us", "Time that successful requests waited, in microseconds.",
      [](const auto& sum) { return micros(sum.queue); });
  add("nv_inference_compute_input_duration_us",
      "Time until successful requests' inputs were joined, in microseconds.",
      [](const auto& sum) { return micros(sum.compute_input); });
  add("nv_inference_compute_infer_duration_us", "Time of successful requests in the model, in microseconds.",
      [](const auto& sum) { return micros(sum.compute_infer); });
  add("nv_inference_compute_output_duration_us",
      "Time until successful requests' outputs were dealt out, in microseconds.",
      [](const auto& sum) { return micros(sum.compute_output); });
  add("nv_cache_num_hits_per_model", "Answers from a response cache; there is none yet.",
      [](const auto&) { return 0.0; });
  add("nv_cache_num_misses_per_model", "Requests that a response cache could not answer; there is none yet.",
      [](const auto&) { return 0.0; });
  registry.gauge_from("nv_inference_pending_request_count",
                      "Inference requests that wait for the model or are in it, as Triton counts them.",
                      labels, [&gauge = pending] { return static_cast<double>(gauge.value()); });
}

}  // namespace saccade::schedule
