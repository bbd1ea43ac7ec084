#include "schedule/model_metrics.h"

#include <algorithm>

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

observe::Counter& by_reason(observe::Registry& registry, observe::Labels labels, const char* name,
                            const char* help, const char* reason) {
  labels.emplace_back("reason", reason);
  return registry.counter(name, help, labels);
}

observe::Counter& refusals(observe::Registry& registry, const observe::Labels& labels, const char* reason) {
  return by_reason(
      registry, labels, "saccade_requests_refused_total",
      "Inference requests refused at the door: queue_full, too_late (could not have been answered "
      "within the objective or their deadline), priority (more urgent ones need the model).",
      reason);
}

observe::Counter& drops(observe::Registry& registry, const observe::Labels& labels, const char* reason) {
  return by_reason(registry, labels, "saccade_requests_dropped_total",
                   "Inference requests that left the queue without a run: cancelled, timeout (the queue's "
                   "policy), deadline (their own had passed), too_late (could not be answered in time any "
                   "more), priority (more urgent ones needed the place).",
                   reason);
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

void KeptShare::note(double late_share, std::size_t answers) {
  constexpr double kGain = 1.0 / 1024;
  const double old = share.load(std::memory_order_relaxed);
  share.store(old + (1 - late_share - old) * std::min(kGain * static_cast<double>(answers), 1.0),
              std::memory_order_relaxed);
}

ModelMetrics::ModelMetrics(observe::Registry& registry, const std::string& name, const std::string& version)
    : ModelMetrics(registry, name, observe::Labels{{"model", name}, {"version", version}}) {}

ModelMetrics::ModelMetrics(observe::Registry& registry, const std::string& name,
                           const observe::Labels& labels)
    : model(name),
      succeeded(requests(registry, labels, "success")),
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
                                    {1, 2, 4, 8, 16, 32, 64, 128, 256}, 1.0)),
      refused_for_room(refusals(registry, labels, "queue_full")),
      refused_too_late(refusals(registry, labels, "too_late")),
      refused_for_urgent(refusals(registry, labels, "priority")),
      dropped_cancelled(drops(registry, labels, "cancelled")),
      dropped_timeout(drops(registry, labels, "timeout")),
      dropped_deadline(drops(registry, labels, "deadline")),
      dropped_too_late(drops(registry, labels, "too_late")),
      dropped_urgent(drops(registry, labels, "priority")),
      late(registry.counter("saccade_requests_late_total",
                            "Inference requests answered later than their limit: the objective or their own.",
                            labels)),
      predicted_time(duration(registry, labels, "saccade_predicted_latency_seconds",
                              "Latency predicted at the door, of answered requests that had a limit.")),
      answer_time(duration(registry, labels, "saccade_answer_latency_seconds",
                           "Latency that it came to: from the arrival until the answer was written.")),
      prediction_error(duration(registry, labels, "saccade_prediction_error_seconds",
                                "How much later than predicted answers came; those that came sooner are 0.")),
      batch_wait(duration(registry, labels, "saccade_batch_wait_seconds",
                          "Time that a free instance waited for a fuller batch.")),
      instances(registry.gauge("saccade_instances",
                               "Sessions of the model that may run side by side; they follow the load.",
                               labels)),
      place_wait(duration(registry, labels, "saccade_place_wait_seconds",
                          "Time that a batch waited for a place to run.")),
      lone_runs(registry.counter(
          "saccade_lone_runs_total",
          "Runs of a request that had the machine to itself, split over more threads than others.", labels)) {
  sources_.push_back(registry.counter_source(
      "saccade_place_seconds_total",
      "Time of runs multiplied by the places that they took: what models are served fairly by.", labels,
      [this] {
        return static_cast<double>(place_time.load(std::memory_order_relaxed)) * observe::kNanosecond;
      }));
  registry.gauge_from("saccade_objective_seconds",
                      "The latency objective that the model is held to; 0: none.", labels,
                      [kept = kept] { return kept->objective_seconds.load(std::memory_order_relaxed); });
  registry.gauge_from("saccade_objective_kept_ratio",
                      "Share of the last thousand or so answers with a limit that were in time.", labels,
                      [kept = kept] { return kept->share.load(std::memory_order_relaxed); });
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
  add("nv_cache_num_hits_per_model", "Requests answered from the response cache, as Triton counts them.",
      [](const auto& sum) { return static_cast<double>(sum.cache_hit.count); });
  add("nv_cache_num_misses_per_model",
      "Requests that the response cache could not answer, as Triton counts them.",
      [](const auto& sum) { return static_cast<double>(sum.cache_miss.count); });
  add("nv_cache_hit_duration_per_model", "Time in the response cache of what it answered, in microseconds.",
      [](const auto& sum) { return micros(sum.cache_hit); });
  add("nv_cache_miss_duration_per_model",
      "Time of looking into the response cache in vain and of adding to it, in microseconds.",
      [](const auto& sum) { return micros(sum.cache_miss); });
  registry.gauge_from("nv_inference_pending_request_count",
                      "Inference requests that wait for the model or are in it, as Triton counts them.",
                      labels, [&gauge = pending] { return static_cast<double>(gauge.value()); });
}

}  // namespace saccade::schedule
