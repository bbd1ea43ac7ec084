#include "grpc/method_metrics.h"

namespace saccade::grpc {

MethodMetrics::MethodMetrics(observe::Registry& registry, std::string_view type, std::string_view service,
                             std::string_view method)
    : registry_(registry),
      labels_({{"grpc_type", std::string(type)},
               {"grpc_service", std::string(service)},
               {"grpc_method", std::string(method)}}),
      started_(registry.counter("grpc_server_started_total", "gRPC calls begun, by method.", labels_)),
      received_(
          registry.counter("grpc_server_msg_received_total", "gRPC messages received, by method.", labels_)),
      sent_(registry.counter("grpc_server_msg_sent_total", "gRPC messages sent, by method.", labels_)),
      duration_(registry.histogram("grpc_server_handling_seconds",
                                   "Time from a call's head to its status, by method.", labels_,
                                   observe::latency_bounds(), observe::kNanosecond)) {}

void MethodMetrics::handled(StatusCode code, base::Duration duration) {
  auto& known = handled_[static_cast<std::size_t>(code)];
  observe::Counter* counter = known.load(std::memory_order_acquire);
  if (counter == nullptr) {
    observe::Labels labels = labels_;
    labels.emplace_back("grpc_code", status_name(code));
    counter =
        &registry_.counter("grpc_server_handled_total", "gRPC calls ended, by method and status.", labels);
    known.store(counter, std::memory_order_release);
  }
  counter->add();
  duration_.observe(duration);
}

}  // namespace saccade::grpc
