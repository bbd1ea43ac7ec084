#include "schedule/model_metrics.h"

namespace saccade::schedule {
namespace {

observe::Counter& requests(observe::Registry& registry, observe::Labels labels, const char* outcome) {
  labels.emplace_back("outcome", outcome);
  return registry.counter(
      "saccade_inference_requests_total",
      "Inference requests by outcome: success, invalid (the request was at fault), error (the "
      "model or the server was), rejected (no room in the queue), cancelled (the caller had gone).",
      labels);
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
                                    {1, 2, 4, 8, 16, 32, 64, 128, 256}, 1.0)) {}

}  // namespace saccade::schedule
