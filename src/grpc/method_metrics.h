// What is counted of one method: the names and labels that dashboards of gRPC servers know
// (go-grpc-prometheus). Safe from any thread.
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "grpc/status.h"
#include "observe/metrics.h"

namespace saccade::grpc {

class MethodMetrics {
 public:
  // `type`: "unary", "client_stream", "server_stream" or "bidi_stream".
  MethodMetrics(observe::Registry& registry, std::string_view type, std::string_view service,
                std::string_view method);

  void started() { started_.add(); }
  void received() { received_.add(); }
  void sent() { sent_.add(); }
  void handled(StatusCode code, base::Duration duration);

 private:
  observe::Registry& registry_;
  const observe::Labels labels_;
  observe::Counter& started_;
  observe::Counter& received_;
  observe::Counter& sent_;
  observe::Histogram& duration_;
  std::array<std::atomic<observe::Counter*>, kStatusCodes> handled_{};  // filled as they occur
};

}  // namespace saccade::grpc
