// What is counted of the response cache as a whole; what is counted of a model is with the model's own.
#pragma once

#include "observe/metrics.h"

namespace saccade::cache {

struct Metrics {
  explicit Metrics(observe::Registry& registry);

  observe::Counter& memory_hits;
  observe::Counter& redis_hits;
  observe::Counter& misses;
  observe::Counter& coalesced;  // waited for the run of an equal request
  observe::Counter& bypassed;   // their callers wanted no cache
  observe::Counter& evicted_for_room;
  observe::Counter& evicted_expired;
  observe::Counter& redis_failures;  // no answer, or none that could be read
  observe::Gauge& bytes;
  observe::Gauge& entries;
};

}  // namespace saccade::cache
