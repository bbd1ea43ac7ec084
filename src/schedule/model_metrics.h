// What is counted of one model version. Safe from any thread.
//
// The counters belong to the registry and go on counting when the version is loaded anew; the statistics
// begin at zero with each loaded copy. Triton's own metrics (nv_…) are read from both.
#pragma once

#include <string>
#include <vector>

#include "observe/metrics.h"
#include "schedule/statistics.h"

namespace saccade::schedule {

struct ModelMetrics {
  ModelMetrics(observe::Registry& registry, const std::string& model, const std::string& version);

  observe::Counter& succeeded;  // requests
  observe::Counter& refused;    // the request was at fault
  observe::Counter& failed;     // the model, or the server, was
  observe::Counter& rejected;   // not let in: the queue is full
  observe::Counter& timed_out;  // waited longer than the queue's policy or the caller allows
  observe::Counter& cancelled;  // the caller had gone
  observe::Counter& items;      // predictions made
  observe::Counter& runs;
  observe::Gauge& pending;         // requests that wait or run
  observe::Histogram& queue_time;  // from the scheduler's door into a batch
  observe::Histogram& batch_time;  // joining the members' inputs
  observe::Histogram& run_time;    // in the model
  observe::Histogram& batch_size;  // items in a run

  Statistics statistics;

  // A request that got no outputs, in the statistics. `arrived` may be not said.
  void count_failed(base::TimePoint arrived, base::TimePoint queued) {
    statistics.failed(base::now() - (arrived == base::TimePoint{} ? queued : arrived));
  }

 private:
  ModelMetrics(observe::Registry& registry, const observe::Labels& labels);
  void add_triton_metrics(observe::Registry& registry, const observe::Labels& labels);

  std::vector<observe::CounterSource> sources_;  // read `statistics`; end before it
};

}  // namespace saccade::schedule
