// When a request runs, with whom, and where: one Scheduler per model version.
//
// Two kinds stand behind this interface. A model whose run is shorter than a hop between threads runs on the
// loop that decoded the request (loop_scheduler.cpp); any other on the pool's threads
// (instance_scheduler.cpp, run_pool.h). In both, whatever has arrived when an instance becomes free is the
// next batch.
//
// Promises, of both: every job is answered exactly once, on the loop that submitted it, also where the
// scheduler ends before that; a run never carries more than max_batch_size items; a partial batch waits at
// most max_queue_delay, and not at all where that is 0, unless company for it saves time that others wait
// for; a member that the model refuses fails alone. Without a run are answered: at the door, kUnavailable and
// with a time to try again, what finds no room or could not be answered within its limit, the objective or,
// where the request says so, its own deadline; from the queue, a job whose caller has gone, kCancelled; one
// that has waited longer than its queue's policy allows, or can't keep its limit any more, or has to give way
// to more urgent ones, kUnavailable; one whose deadline has passed, kDeadlineExceeded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/disposal.h"
#include "schedule/batch_policy.h"
#include "schedule/job.h"
#include "schedule/model_metrics.h"
#include "schedule/schedule_report.h"

namespace saccade::schedule {

class RunPool;

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // From an event loop's thread; job.loop is that loop.
  virtual void submit(Job job) = 0;
  // Where it runs, for people: "on the event loops", "up to 2 instances".
  virtual std::string describe() const = 0;
  // What it does at the moment and why. From any thread.
  virtual ScheduleReport report() const { return {}; }
  // On a loop, before a request is decoded whose bytes came not before `begun`: whether one that says nothing
  // of its own would be refused by now. Then it is counted as refused, and the error is its answer.
  virtual std::optional<base::Error> would_refuse(runtime::EventLoop& /*loop*/, base::TimePoint /*begun*/) {
    return {};
  }
};

using MetricsPointer = std::shared_ptr<ModelMetrics>;

// One session for each loop, run there. It may end on any thread at any time: what waits is run by its loop
// nevertheless, and a lane ends with its last job, by way of `disposal` (null: there and then).
std::unique_ptr<Scheduler> make_loop_scheduler(std::vector<std::unique_ptr<engine::Session>> sessions,
                                               const BatchPolicy& policy, const MetricsPointer& metrics,
                                               const std::shared_ptr<runtime::Disposal>& disposal = nullptr);
// What a model runs with in the pool.
struct RunSessions {
  std::vector<std::unique_ptr<engine::Session>> sessions;  // at least one; more are made by its share()
  std::size_t threads = 1;                                 // of one run; 0: it runs on no processor
  std::unique_ptr<engine::Session> lone;  // for a request that has the machine to itself; null: as for all
  std::size_t lone_threads = 0;           // of that
  base::Duration run_time{0};             // of one, as measured at the load; 0: not known
  base::Duration keep = std::chrono::seconds(10);  // sessions beyond min_instances that nobody needs
};
// Runs on the pool's threads, side by side up to policy.max_instances and as many as there are places for.
// The destructor answers what waits: not on a loop.
std::unique_ptr<Scheduler> make_instance_scheduler(std::shared_ptr<RunPool> pool, RunSessions sessions,
                                                   const BatchPolicy& policy, const MetricsPointer& metrics);

}  // namespace saccade::schedule
