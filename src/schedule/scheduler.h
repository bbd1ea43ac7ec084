// When a request runs, with whom, and where: one Scheduler per model version.
//
// Two kinds stand behind this interface. A model whose run is shorter than a hop between threads runs on the
// loop that decoded the request (loop_scheduler.h); any other on instance threads of its own
// (instance_scheduler.h). In both, whatever has arrived when an instance becomes free is the next batch.
//
// Promises, of both: every job is answered exactly once, on the loop that submitted it; a run never carries
// more than max_batch_size items; a partial batch waits at most max_queue_delay, and not at all where that is
// 0; a member that the model refuses fails alone; a job whose caller has gone is answered kCancelled without
// a run.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "schedule/job.h"
#include "schedule/model_metrics.h"

namespace saccade::schedule {

struct BatchPolicy {
  std::int64_t max_batch_size = 0;                  // items in one run; 0: each request runs alone
  std::vector<std::int64_t> preferred_batch_sizes;  // sent off at once when reached; ascending
  std::chrono::microseconds max_queue_delay{0};     // how long a free instance waits for a fuller batch
  std::size_t max_queue = 4096;                     // requests waiting; one more is refused
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // From an event loop's thread; job.loop is that loop.
  virtual void submit(Job job) = 0;
  // Where it runs, for people: "on the event loops", "2 instances of 1 thread".
  virtual std::string describe() const = 0;
};

// One session for each loop, run there.
std::unique_ptr<Scheduler> make_loop_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                               const BatchPolicy& policy, ModelMetrics& metrics);
// One thread for each session. The destructor answers what waits and joins the threads.
std::unique_ptr<Scheduler> make_instance_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                                   const BatchPolicy& policy, ModelMetrics& metrics);

}  // namespace saccade::schedule
