#include "record/spill_metrics.h"

#include <algorithm>

#include "base/clock.h"

namespace saccade::record {

SpillMetrics::SpillMetrics(observe::Registry& registry, const std::shared_ptr<const Spill>& spill)
    : spilled(registry.counter(
          "saccade_log_spilled_rows_total",
          "Predictions put into the spill file because the database server was away or slow.")),
      delivered(registry.counter("saccade_log_delivered_rows_total",
                                 "Predictions delivered from the spill file to the database server.")),
      up(registry.gauge("saccade_log_database_up",
                        "1: the log's database server answers (a file always does); 0: it does not.")) {
  up.set(1);
  const std::weak_ptr<const Spill> weak(spill);
  const auto look = [&](const char* name, const char* help, auto read) {
    registry.gauge_from(name, help, {}, [weak, read] {
      const auto alive = weak.lock();
      return alive ? static_cast<double>(read(*alive)) : 0.0;
    });
  };
  look("saccade_log_spill_rows", "Predictions in the spill file, waiting for the database server.",
       [](const Spill& file) { return file.rows(); });
  look("saccade_log_spill_bytes", "Bytes of the spill file in use.",
       [](const Spill& file) { return file.bytes(); });
  look("saccade_log_delivery_lag_seconds", "Age of the oldest prediction in the spill file; 0: it is empty.",
       [](const Spill& file) {
         const std::int64_t oldest = file.oldest_micros();
         return oldest == 0
                    ? 0.0
                    : static_cast<double>(std::max<std::int64_t>(base::unix_micros() - oldest, 0)) / 1e6;
       });
}

}  // namespace saccade::record
