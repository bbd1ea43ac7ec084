// Which model gets the next free place to run. Plain bookkeeping: times are passed in, nothing here knows a
// thread, and nothing is synchronised (the pool holds its lock).
//
// A place is a processor's worth of running. A run of a model takes as many places as it has threads, so that
// the runs of all models together never have more threads than there are places, but for the runs "beside"
// (below).
//
// Fair shares. Each model has a tag: the place time that its runs have had, divided by its weight. The one
// with the least goes first; this is start-time fair queueing (Goyal, Vin, Cheng 1997) with several places
// instead of one link:
//   - The clock is the tag of the last run that was begun. A model that comes back after idle time begins at
//   the
//     clock: idle time is not saved up, and what it had in advance is still owed.
//   - How long a run takes isn't known when it begins, so it is charged with the average of the model's runs
//     and set right at the end. Thus no model takes all free places at once with a tag that doesn't move.
//   - While nobody waits nobody is wronged: the clock moves on to the greatest tag, so that a model is not
//     made to pay later for places that nobody else wanted.
//
// Urgency. A request that would miss its limit behind the run of the model whose turn it is goes first, if
// its own model is ahead of that one by no more than kLead. Fairness so is broken for that much time at the
// most.
//
// Beside. A run can't be interrupted. Where runs of half a second hold all places, a model of a millisecond
// would wait for them. To keep a place free for it would cost the heavy model a share of the machine all the
// time (on two processors, half of it). Instead a run goes on beside the places, on one more thread, if it is
// sure to be over long before a place becomes free; the kernel, which can interrupt, divides the processors.
// What runs beside counts as running: the next place that becomes free is taken up by it, and nothing begins
// until there is room again. So there are more threads than processors for moments only, and never more than
// `beside` of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace saccade::schedule {

class RunOrder {
 public:
  // One model. What is written here belongs to RunOrder; the rest of the pool reads.
  struct Member {
    std::size_t places = 1;  // that one run takes; 0: none, it runs elsewhere than on the processors
    std::size_t most = 1;    // runs side by side
    double weight = 1;
    base::Duration expected{0};  // time of a run, on the average; 0: not known yet

    base::TimePoint due = base::TimePoint::max();  // when its next run should begin; max(): it wants none
    base::TimePoint start_by = base::TimePoint::max();  // or somebody is answered too late
    std::size_t running = 0;
    double served = 0;     // the tag, in nanoseconds
    double used = 0;       // place time since the last tick
    double using_now = 0;  // places, lately, on the average

    bool ready(base::TimePoint now) const { return due <= now && running < most; }
  };
  // A run that was begun.
  struct Grant {
    Member* member = nullptr;
    std::uint64_t number = 0;
    base::Duration waited{0};  // since it was due
    bool beside = false;
  };

  // `beside`: places' worth of runs that may go on beside the places.
  RunOrder(std::size_t places, std::size_t beside) : places_(places), beside_(beside) {}

  void add(Member& member);
  // Nothing of it runs any more.
  void remove(Member& member);
  // Until it is granted a run; afterwards it has to want again.
  void want(Member& member, base::TimePoint due, base::TimePoint start_by);
  // Begins the run that should begin now; nothing: none may, or none is wanted.
  std::optional<Grant> next(base::TimePoint now);
  // `ran`: false where there was nothing to run after all.
  void end(const Grant& grant, base::TimePoint now, bool ran);

  // The soonest time after `now` at which a model wants to run that does not yet.
  base::TimePoint next_due(base::TimePoint now) const;
  // Whether somebody waited for a place when next() was last asked.
  bool contended() const { return contended_; }
  // Runs of it that can be counted on side by side, beside what the others use: at least a fair share.
  std::size_t instances(const Member& member) const;
  std::size_t places() const { return places_; }
  std::size_t used() const { return used_; }

 private:
  struct Run {
    std::uint64_t number;
    Member* member;
    base::TimePoint begun;
    double charged;  // nanoseconds of place time
    base::TimePoint expected_end;
  };

  static bool before(const Member& a, const Member& b);
  Member* urgent_before(Member& first, base::TimePoint now) const;
  Member* short_enough(base::TimePoint now);
  base::Duration until_free(const Member& member, base::TimePoint now);
  Grant begin(Member& member, base::TimePoint now, bool beside);
  void tick(base::TimePoint now);

  const std::size_t places_;
  const std::size_t beside_;
  std::vector<Member*> members_;
  std::vector<Run> runs_;
  std::vector<std::pair<base::Duration, std::size_t>> ends_;  // of until_free(); kept for its memory
  std::size_t used_ = 0;                                      // places, those of runs beside included
  std::uint64_t next_number_ = 0;
  double clock_ = 0;
  double greatest_ = 0;  // tag
  bool contended_ = false;
  base::TimePoint ticked_{};
};

}  // namespace saccade::schedule
