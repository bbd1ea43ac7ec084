// What a scheduler does at the moment and why, for people and for GET /models/M/schedule. A copy: it does not
// change. Times are base::Duration; a figure that nothing is known of is 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "request/objective.h"

namespace saccade::schedule {

struct ScheduleReport {
  // What is known of runs of one size.
  struct BatchTime {
    std::int64_t items = 0;
    std::uint64_t runs = 0;    // that were measured, at the load and since
    base::Duration mean{0};    // recent ones weigh more
    base::Duration likely{0};  // at the objective's quantile (p99 where none is stated)
  };

  std::string place;  // "loops" or "instances"
  request::Objective objective;
  std::size_t instances = 0;      // runs that may go on side by side now
  std::size_t min_instances = 0;  // the bounds within which that number follows the load
  std::size_t max_instances = 0;
  std::size_t lone_threads = 0;      // of a run that has the machine to itself; 0: as of all others
  std::int64_t max_batch_size = 0;   // what may be, 0: the model has no batch dimension
  std::int64_t worth_batching = 0;   // the size beyond which a larger run pays no more
  std::vector<BatchTime> run_times;  // ascending by items

  std::size_t waiting = 0;             // requests in the queue
  std::size_t running = 0;             // runs that go on
  double arrivals_per_second = 0;      // recent ones
  double capacity_per_second = 0;      // requests that the model could answer, by the run times
  double busy = 0;                     // share of the instances' time that runs took lately, 0 to 1
  base::Duration predicted_wait{0};    // of a request that came now, until its run begins
  base::Duration prediction_error{0};  // by which predicted latencies fell short, at the objective's quantile
  double kept = 1;                     // share of recent answers within the objective

  // Since the model was loaded.
  std::uint64_t answered = 0;
  std::uint64_t late = 0;                // of those, beyond the objective or their own deadline
  std::uint64_t refused_queue_full = 0;  // at the door: no room
  std::uint64_t refused_too_late = 0;    // at the door: could not have been answered in time
  std::uint64_t refused_for_higher = 0;  // at the door or from the queue: more urgent classes need the place
  std::uint64_t dropped_too_late = 0;    // from the queue: could no longer be answered in time
  std::uint64_t dropped_cancelled = 0;   // from the queue: the caller had gone
};

// Adds what another place of the same model does, a loop's lane: counts and rates are sums, times and shares
// the worse ones, and run times those that most runs tell of.
void add(const ScheduleReport& other, ScheduleReport& sum);

}  // namespace saccade::schedule
