// What a log with a spill file tells Prometheus besides LogMetrics. The registry owns the figures and
// outlives the log.
#pragma once

#include <memory>

#include "observe/metrics.h"
#include "record/spill.h"

namespace saccade::record {

struct SpillMetrics {
  // The spill is only looked at while it lives.
  SpillMetrics(observe::Registry& registry, const std::shared_ptr<const Spill>& spill);

  observe::Counter& spilled;
  observe::Counter& delivered;
  observe::Gauge& up;
};

}  // namespace saccade::record
