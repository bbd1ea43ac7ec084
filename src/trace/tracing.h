// Which requests have a span. One for the whole server; safe from every loop; must outlive the requests.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "observe/metrics.h"
#include "resilience/breaker_metrics.h"
#include "trace/exporter.h"
#include "trace/server_span.h"
#include "trace/settings.h"

namespace saccade::trace {

class Tracing {
 public:
  // Where the settings name no endpoint nothing is ever sampled, and no thread runs.
  Tracing(Settings settings, observe::Registry& registry);

  bool enabled() const { return exporter_ != nullptr; }
  // A span for the request, null: it is not sampled. `parent`: the context that came with it, or null.
  std::shared_ptr<ServerSpan> begin(const request::TraceContext* parent, base::TimePoint arrived) {
    if (!exporter_) [[likely]]
      return nullptr;
    return sample(parent, arrived);
  }
  // Sends what is left, for at most so long.
  void close(std::chrono::milliseconds longest) {
    if (exporter_) exporter_->close(longest);
  }

 private:
  std::shared_ptr<ServerSpan> sample(const request::TraceContext* parent, base::TimePoint arrived);

  Sampler sampler_;
  ExporterMetrics metrics_;
  std::unique_ptr<Exporter> exporter_;
  std::optional<resilience::BreakerMetrics> breaker_metrics_;
};

}  // namespace saccade::trace
