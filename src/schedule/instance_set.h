// A model's instances: sessions with what a run needs besides. There are as many as the load has asked for
// lately, between bounds. One more is made, by Session::share(), on the run thread that has a place and work
// for it; one that hasn't been needed for a while ends, on the thread that looks after the model. Those that
// are there are used last in, first out, so that the others are seen not to be needed. Beside them there may
// be one for a request that has the machine to itself, whose session splits a run over more threads; it isn't
// counted among the instances.
//
// Safe from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "schedule/batch_runner.h"
#include "schedule/planner.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {

// Runs one batch at a time, in the hands of one thread.
struct Instance {
  explicit Instance(BatchRunner its_runner) : runner(std::move(its_runner)) {}

  BatchRunner runner;
  StatisticsSheet* sheet = nullptr;  // the runner's
  bool original = false;             // shares its session with others: never ends before them
  bool lone = false;                 // splits a run over more threads
  base::TimePoint used{};            // last
  // What one turn takes out of the queue; kept from turn to turn for its memory.
  std::vector<Job> batch;
  std::vector<BatchQueue::Dropped> dropped;
  std::vector<BatchRunner::ResponseResult> results;
};

class InstanceSet {
 public:
  using Taken = std::unique_ptr<Instance>;

  // At least one session. `lone`: with more threads; may be null. `least`: so many are kept. `keep`: how long
  // others are that nobody needs.
  InstanceSet(std::vector<std::unique_ptr<engine::Session>> sessions, std::unique_ptr<engine::Session> lone,
              bool batches, std::size_t least, base::Duration keep, MetricsPointer metrics);
  ~InstanceSet();
  InstanceSet(const InstanceSet&) = delete;
  InstanceSet& operator=(const InstanceSet&) = delete;

  // One that is free, or one more. Null: all run and the session can't be shared. May take a moment.
  Taken take();
  // The one for a lone request. Null: there is none, or it runs.
  Taken take_lone();
  void give(Taken instance, base::TimePoint now);
  // Ends those that have not been needed for long.
  void end_spare(base::TimePoint now);
  // When there may be one to end; max(): not as things are.
  base::TimePoint next_spare() const;
  std::size_t size() const;

 private:
  Taken make(std::unique_ptr<engine::Session> session);
  base::TimePoint next_spare_locked() const;

  const bool batches_;
  const std::size_t least_;
  const base::Duration keep_;
  const MetricsPointer metrics_;
  engine::Session* const original_;  // lives in its instance
  std::mutex sharing_;               // one share() at a time
  mutable std::mutex mutex_;
  std::vector<Taken> free_;               // guarded by mutex_; the last was used last
  std::vector<StatisticsSheet*> sheets_;  // guarded by mutex_: of instances that have ended
  std::size_t size_ = 0;                  // guarded by mutex_
  Taken lone_;                            // guarded by mutex_
};

}  // namespace saccade::schedule
