// Which requests get a span, by the samplers of OpenTelemetry's specification (trace SDK, "Built-in
// samplers"). Constant; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "request/trace_context.h"

namespace saccade::trace {

class Sampler {
 public:
  // `name` as OTEL_TRACES_SAMPLER has it: always_on, always_off, traceidratio, each also with parentbased_
  // before it. `ratio`: of traces, for traceidratio.
  static base::Result<Sampler> make(const std::string& name, double ratio);

  // `parent`: the caller's context, null where none came.
  bool samples(const request::TraceId& id, const request::TraceContext* parent) const {
    if (parent_based_ && parent != nullptr) return parent->sampled;
    return below(id);
  }

 private:
  bool below(const request::TraceId& id) const;

  bool parent_based_ = true;
  std::uint64_t bound_ = 0;  // of the 63 bits that decide; 2^63: all
};

}  // namespace saccade::trace
