// When a request runs, with whom, and where: one Scheduler per model version.
//
// Two kinds stand behind this interface. A model whose run is shorter than a hop between threads runs on the
// loop that decoded the request (loop_scheduler.cpp); any other on instance threads of its own
// (instance_scheduler.cpp). In both, whatever has arrived when an instance becomes free is the next batch.
//
// Promises, of both: every job is answered exactly once, on the loop that submitted it, also where the
// scheduler ends before that; a run never carries more than max_batch_size items; a partial batch waits at
// most max_queue_delay, and not at all where that is 0; a member that the model refuses fails alone; a job
// whose caller has gone is answered kCancelled without a run, one that has waited too long kUnavailable, one
// whose deadline has passed kDeadlineExceeded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/disposal.h"
#include "schedule/batch_policy.h"
#include "schedule/job.h"
#include "schedule/model_metrics.h"

namespace saccade::schedule {

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // From an event loop's thread; job.loop is that loop.
  virtual void submit(Job job) = 0;
  // Where it runs, for people: "on the event loops", "2 instances of 1 thread".
  virtual std::string describe() const = 0;
};

using MetricsPointer = std::shared_ptr<ModelMetrics>;

// One session for each loop, run there. It may end on any thread at any time: what waits is run by its loop
// nevertheless, and a lane ends with its last job, by way of `disposal` (null: there and then).
std::unique_ptr<Scheduler> make_loop_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                               const BatchPolicy& policy, const MetricsPointer& metrics,
                                               const std::shared_ptr<runtime::Disposal>& disposal = nullptr);
// One thread for each session. The destructor answers what waits and joins the threads: not on a loop.
std::unique_ptr<Scheduler> make_instance_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                                   const BatchPolicy& policy, const MetricsPointer& metrics);

}  // namespace saccade::schedule
