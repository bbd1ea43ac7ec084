// Requests that are answered without a run, as both schedulers count and say it.
#pragma once

#include "schedule/batch_queue.h"
#include "schedule/model_metrics.h"

namespace saccade::schedule {

void count_drop(const BatchQueue::Dropped& dropped, ModelMetrics& metrics);

// Not let in: answers at once, on the caller's loop.
void refuse(Job& job, base::Error error, ModelMetrics& metrics);

}  // namespace saccade::schedule
