// What Prometheus is told of a breaker. Lives with its owner; the breaker is looked at while it lives.
#pragma once

#include <memory>
#include <string>

#include "observe/metrics.h"
#include "resilience/circuit_breaker.h"

namespace saccade::resilience {

class BreakerMetrics {
 public:
  // `labels` say what is guarded: {{"service", "redis"}} or {{"model", "digits"}, {"version", "1"}}.
  // `family` begins the names: "saccade_breaker" or "saccade_model_breaker".
  BreakerMetrics(observe::Registry& registry, const std::string& family, const observe::Labels& labels,
                 const std::shared_ptr<const CircuitBreaker>& breaker);

 private:
  observe::CounterSource refused_;
  observe::CounterSource opened_;
};

}  // namespace saccade::resilience
