// What is counted of one route: the names that dashboards of Python services know (prometheus_client's
// examples). Safe from any thread.
#pragma once

#include <array>
#include <atomic>
#include <string>

#include "base/clock.h"
#include "observe/metrics.h"

namespace saccade::http {

class RouteMetrics {
 public:
  // `endpoint` is the route's template ("/predict/{model}"), never a path that a client made up.
  RouteMetrics(observe::Registry& registry, std::string method, std::string endpoint);

  void count(int status, base::Duration duration);

 private:
  observe::Counter& requests(int status);

  observe::Registry& registry_;
  const std::string method_;
  const std::string endpoint_;
  observe::Histogram& duration_;
  std::array<std::atomic<observe::Counter*>, 600> by_status_{};  // filled as they occur
};

}  // namespace saccade::http
