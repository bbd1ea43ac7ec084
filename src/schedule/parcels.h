// Answers on their way back: all of a batch that belong to one loop go there in one hop.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "schedule/admission.h"
#include "schedule/batch_runner.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {

// What goes back to one loop.
struct Parcel {
  explicit Parcel(runtime::EventLoop* to) : loop(to) {}
  struct Answer {
    Done done;
    BatchRunner::ResponseResult result;
  };
  runtime::EventLoop* loop;
  std::vector<Answer> answers;
  std::vector<Promise> promises;  // of those that were run
};
using Parcels = std::vector<Parcel>;

// Whom answers are told to once they have left.
struct Told {
  std::shared_ptr<Admission> admission;
  MetricsPointer metrics;
};

void pack(Job& job, BatchRunner::ResponseResult result, Parcels& parcels);
void send(Parcels parcels, const Told& told);

// Lets batches go in the order of their tickets, which count from 0. Safe from any thread.
class Exit {
 public:
  explicit Exit(Told told) : told_(std::move(told)) {}
  void leave(std::uint64_t ticket, Parcels parcels);

 private:
  const Told told_;
  std::mutex mutex_;
  std::map<std::uint64_t, Parcels> waiting_;  // guarded by mutex_; at most one of each instance
  std::uint64_t next_ = 0;                    // guarded by mutex_
};

}  // namespace saccade::schedule
