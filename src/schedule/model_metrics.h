// What is counted of one model version. Safe from any thread.
#pragma once

#include <string>

#include "observe/metrics.h"

namespace saccade::schedule {

struct ModelMetrics {
  ModelMetrics(observe::Registry& registry, const std::string& model, const std::string& version);

  observe::Counter& succeeded;  // requests
  observe::Counter& refused;    // the request was at fault
  observe::Counter& failed;     // the model, or the server, was
  observe::Counter& rejected;   // not let in: the queue is full
  observe::Counter& cancelled;  // the caller had gone
  observe::Counter& items;      // predictions made
  observe::Counter& runs;
  observe::Gauge& pending;         // requests that wait or run
  observe::Histogram& queue_time;  // from the scheduler's door into a batch
  observe::Histogram& batch_time;  // joining the members' inputs
  observe::Histogram& run_time;    // in the model
  observe::Histogram& batch_size;  // items in a run

 private:
  ModelMetrics(observe::Registry& registry, const observe::Labels& labels);
};

}  // namespace saccade::schedule
