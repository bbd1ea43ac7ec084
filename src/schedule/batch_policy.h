// How requests wait and which of them share a run. Plain data; constant once the model is loaded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "request/objective.h"

namespace saccade::schedule {

// How long and how many requests of one priority level may wait.
struct QueuePolicy {
  enum class TimeoutAction : std::uint8_t {
    kReject,  // answered with an error
    kDelay,   // runs behind all of its level that are still in time
  };
  TimeoutAction timeout_action = TimeoutAction::kReject;
  std::chrono::microseconds default_timeout{0};  // 0: none
  bool allow_timeout_override = false;           // a request may bring a shorter one
  std::size_t max_size = 0;                      // 0: as many as the model's queue holds
};

// How long runs of one size took when the model was loaded.
struct MeasuredRun {
  std::int64_t items = 0;
  base::Duration time{0};
};

struct BatchPolicy {
  request::Objective objective;     // what the answers are held to; may be not stated
  std::size_t min_instances = 0;    // runs that are kept ready to go on side by side
  std::size_t max_instances = 0;    // most runs side by side; 0: as many as fit the processors
  double weight = 1;                // of its share of the places, against other models'
  std::int64_t max_batch_size = 0;  // items in one run; 0: each request runs alone
  std::vector<std::int64_t> preferred_batch_sizes;  // sent off at once when reached; ascending
  std::chrono::microseconds max_queue_delay{0};     // how long a free instance waits for a fuller batch
  std::size_t max_queue = 4096;                     // requests waiting; one more is refused
  bool preserve_ordering = false;                   // answers leave in the order in which requests ran
  // Levels from 1, served first, to this; 0: no levels.
  std::uint64_t priority_levels = 0;
  std::uint64_t default_priority = 0;  // of requests that don't say, or name a level that there is not
  QueuePolicy queue;
  std::map<std::uint64_t, QueuePolicy> level_queues;  // of the levels that have one of their own
  std::vector<MeasuredRun> measured;                  // at the load; may be empty: all is learnt from traffic
  bool measured_is_guess = false;                     // of inputs of a size that real ones may not have
};

}  // namespace saccade::schedule
