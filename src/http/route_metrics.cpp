#include "http/route_metrics.h"

namespace saccade::http {

RouteMetrics::RouteMetrics(observe::Registry& registry, std::string method, std::string endpoint)
    : registry_(registry),
      method_(std::move(method)),
      endpoint_(std::move(endpoint)),
      duration_(registry.histogram(
          "http_request_duration_seconds", "Time from a request's last byte to its answer, by route.",
          {{"method", method_}, {"endpoint", endpoint_}}, observe::latency_bounds(), observe::kNanosecond)) {}

observe::Counter& RouteMetrics::requests(int status) {
  auto& known = by_status_[static_cast<std::size_t>(status) % by_status_.size()];
  if (observe::Counter* counter = known.load(std::memory_order_acquire)) return *counter;
  observe::Counter& counter =
      registry_.counter("http_requests_total", "HTTP requests answered, by method, route and status.",
                        {{"method", method_}, {"endpoint", endpoint_}, {"status", std::to_string(status)}});
  known.store(&counter, std::memory_order_release);
  return counter;
}

void RouteMetrics::count(int status, base::Duration duration) {
  requests(status).add();
  duration_.observe(duration);
}

}  // namespace saccade::http
