#include "resilience/breaker_metrics.h"

namespace saccade::resilience {

BreakerMetrics::BreakerMetrics(observe::Registry& registry, const std::string& family,
                               const observe::Labels& labels,
                               const std::shared_ptr<const CircuitBreaker>& breaker) {
  const std::weak_ptr<const CircuitBreaker> weak(breaker);
  registry.gauge_from(family + "_state", "The circuit breaker: 0 closed, 1 half open, 2 open.", labels,
                      [weak] {
                        const auto alive = weak.lock();
                        return alive ? static_cast<double>(alive->state(base::now())) : 0.0;
                      });
  refused_ = registry.counter_source(family + "_refused_total",
                                     "Calls that the open circuit breaker kept from being made.", labels,
                                     [breaker] { return static_cast<double>(breaker->refused()); });
  opened_ = registry.counter_source(family + "_opened_total", "How often the circuit breaker opened.", labels,
                                    [breaker] { return static_cast<double>(breaker->opened()); });
}

}  // namespace saccade::resilience
