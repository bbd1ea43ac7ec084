#include <boost/json.hpp>

#include "http/routes.h"

namespace saccade::http {
namespace {

using boost::json::array;
using boost::json::object;

double milliseconds(base::Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

object run_times(const schedule::ScheduleReport::BatchTime& time) {
  return {{"items", time.items},
          {"runs", time.runs},
          {"mean_ms", milliseconds(time.mean)},
          {"likely_ms", milliseconds(time.likely)}};
}

// `report` as people read it: durations in milliseconds, what is not known left out.
object to_json(const request::ModelSignature& signature, const schedule::ScheduleReport& report) {
  object objective{{"objective", to_text(report.objective)}, {"kept", report.kept}};
  if (report.objective.stated()) objective["latency_ms"] = milliseconds(report.objective.latency);
  array times;
  for (const auto& time : report.run_times) times.push_back(run_times(time));
  return {{"model", signature.name},
          {"version", signature.version},
          {"place", report.place},
          {"latency", std::move(objective)},
          {"instances",
           {{"now", report.instances},
            {"min", report.min_instances},
            {"max", report.max_instances},
            {"lone_threads", report.lone_threads},
            {"busy", report.busy},
            {"running", report.running}}},
          {"batching",
           {{"max_batch_size", report.max_batch_size},
            {"worth_batching", report.worth_batching},
            {"run_times", std::move(times)}}},
          {"queue",
           {{"waiting", report.waiting},
            {"arrivals_per_second", report.arrivals_per_second},
            {"capacity_per_second", report.capacity_per_second},
            {"predicted_wait_ms", milliseconds(report.predicted_wait)},
            {"prediction_error_ms", milliseconds(report.prediction_error)}}},
          {"requests",
           {{"answered", report.answered},
            {"late", report.late},
            {"refused",
             {{"queue_full", report.refused_queue_full},
              {"too_late", report.refused_too_late},
              {"for_higher_priority", report.refused_for_higher}}},
            {"dropped", {{"too_late", report.dropped_too_late}, {"cancelled", report.dropped_cancelled}}}}}};
}

object breaker_json(const resilience::CircuitBreaker& breaker) {
  const base::TimePoint now = base::now();
  return {{"state", resilience::state_name(breaker.state(now))},
          {"retry_after_ms", milliseconds(breaker.retry_after(now))},
          {"opened", breaker.opened()},
          {"refused", breaker.refused()}};
}

}  // namespace

void add_schedule_routes(Router& router, serve::Service& service) {
  router.add("GET", "/models/{model}/schedule",
             {.id = "describeSchedule",
              .tag = "models",
              .right = Right::kRead,
              .summary = "What the scheduler knows of a model, does with its requests, and why.",
              .parameters = {in_query("version", "Which version; the highest where it is left out.")},
              .answers = {json_answer(200, "The schedule.", "Schedule")},
              .errors = {404, 503}},
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               const auto found =
                   service.catalog().find(parameters[0], query_value(request.query, "version").value_or(""));
               if (!found) return call.fail(found.error());
               object report = to_json(*(*found)->signature(), (*found)->schedule_report());
               if (const auto& guard = (*found)->guard(); guard != nullptr) {
                 report["circuit_breaker"] = breaker_json(guard->breaker());
               }
               call.respond_json(serialize(report));
             });
}

}  // namespace saccade::http
