#include "trace/tracing.h"

#include <utility>

#include "trace/random_ids.h"

namespace saccade::trace {

Tracing::Tracing(Settings settings, observe::Registry& registry)
    : sampler_(settings.sampler), metrics_(registry) {
  if (!settings.enabled()) return;
  exporter_ = std::make_unique<Exporter>(std::move(settings), metrics_);
  breaker_metrics_.emplace(registry, "saccade_breaker", observe::Labels{{"service", "otlp"}},
                           exporter_->breaker());
}

std::shared_ptr<ServerSpan> Tracing::sample(const request::TraceContext* parent, base::TimePoint arrived) {
  request::TraceContext own;
  own.trace_id = parent != nullptr ? parent->trace_id : random_trace_id();
  if (!sampler_.samples(own.trace_id, parent)) return nullptr;
  own.span_id = random_span_id();
  own.sampled = true;
  if (parent != nullptr) own.state = parent->state;
  return std::make_shared<ServerSpan>(*exporter_, std::move(own), parent, "request", arrived);
}

}  // namespace saccade::trace
