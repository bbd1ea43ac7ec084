// How long a run of so many items takes on one instance: measured when the model was loaded, learnt from
// every run since.
//
// Kept at a few sizes ("knots": 1 to 8, then four to each doubling); what lies between is interpolated, as a
// run's time is close to a straight line in its items over so short a stretch. A run of another size counts
// at the nearest knot, in proportion.
//
// At each knot, with x the time of a run:
//   mean    exponentially weighted moving average, mean += g (x - mean), g = max(1/n, 1/32), of x cut off at
//           mean + 8 deviations, so that one run that the machine held up says little;
//   spread  the same average of |x - mean|;
//   likely  the quantile q by stochastic approximation (Robbins and Monro 1951; the subgradient of the
//           pinball loss): x > likely moves it up by q times a step, any other x down by (1 - q) times the
//           step, so that it comes to rest where a share q lies below. The step is a part of the spread. In
//           the first 256 runs it stays within mean + 3 and mean + 6 spreads. A knot that has not seen many
//           runs borrows from the others what the machine's hold-ups add to a run of any size: the same
//           quantile of x - mean over all runs.
// A knot's first runs are cold: as long as it has not seen eight, one that is clearly shorter begins anew,
// and as long as it has not seen three, those around it speak for it, if there are any.
//
// What was measured at the load was measured at the machine's pace of that moment. Each run says how far off
// that is by now, and the times of sizes that have not run since are scaled alike, by the geometric mean of
// these ratios, lately; a size's own first run takes its place. So two sizes compare as they did at the load
// until both have run. Measurements with made-up inputs of a size that real ones may not have (a model that
// takes pictures of any size) are guesses: the first eight runs count in full.
//
// One thread at a time learns; any thread may read.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "schedule/batch_policy.h"
#include "schedule/schedule_report.h"

namespace saccade::schedule {

class LatencyModel {
 public:
  struct Time {
    base::Duration mean{0};
    base::Duration likely{0};  // at the quantile; never below the mean
  };

  // `most`: items that a run can carry, at least 1. `guessed`: `measured` is of made-up sizes.
  LatencyModel(std::int64_t most, double quantile, const std::vector<MeasuredRun>& measured = {},
               bool guessed = false);

  void learn(std::int64_t items, base::Duration time);

  // Zero while nothing is known at all.
  Time time(std::int64_t items) const;
  // What a run that has gone on for so long is likely to need yet, on the average. One that is far behind
  // time has been held up, and then has as much before it as those have on the average (hold-ups without a
  // memory).
  base::Duration left(std::int64_t items, base::Duration gone) const;
  // The size beyond which a larger run pays no more per item: the smallest of those known that costs at most
  // 3 % more per item than the best of them. Twice the best where no larger size is known, and `most` where
  // none is.
  std::int64_t worth_batching() const { return worth_.load(std::memory_order_relaxed); }
  std::int64_t most() const { return most_; }
  // The next two are for the thread that learns.
  // Items of the largest run that was learnt from since the load.
  std::int64_t largest_run() const { return largest_run_; }
  // Whether times stand on guesses that runs have yet to scale.
  bool guesses() const { return guessed_ && paced_ < kFirstRuns; }

  std::vector<ScheduleReport::BatchTime> report() const;

 private:
  struct Knot {
    std::int64_t items = 0;
    double measured = 0;  // nanoseconds, at the load; 0: it was not, or it has run since
    std::atomic<std::uint64_t> runs{0};
    // Nanoseconds.
    std::atomic<double> mean{0};
    std::atomic<double> spread{0};
    std::atomic<double> likely{0};
  };
  // In which guesses are scaled. What was measured weighs as much as so many.
  static constexpr std::uint64_t kFirstRuns = 8;
  struct Neighbours {
    std::size_t below = 0;
    std::size_t above = 0;
    bool low = false;  // `below` is one
    bool high = false;
  };
  std::size_t nearest(std::int64_t items) const;
  template <class Fits>
  Neighbours neighbours(std::int64_t items, std::size_t here, Fits fits) const;
  Time at(std::size_t knot, double factor) const;
  Time between(std::int64_t items, const Neighbours& knots) const;
  void find_worth();
  double measured_time(std::int64_t items) const;
  void follow_pace(std::int64_t items, double time);
  bool trusted(const Knot& knot) const;

  double likely(const Knot& knot) const;

  const std::int64_t most_;
  const double quantile_;
  std::size_t size_ = 0;
  std::unique_ptr<Knot[]> knots_;  // ascending by items; size_ of them, the last is most_
  std::uint64_t learnt_ = 0;
  std::int64_t largest_run_ = 0;
  bool guessed_ = false;
  std::vector<MeasuredRun> measured_;  // at the load, ascending by items
  std::uint64_t paced_ = 0;            // runs compared with it
  double pace_ = 0;                    // the logarithm of how many times longer runs take
  double excess_spread_ = 0;
  std::atomic<double> hold_up_{0};  // nanoseconds: mean of what held up runs took longer
  std::atomic<double> excess_{0};   // nanoseconds
  std::atomic<std::int64_t> worth_;
};

}  // namespace saccade::schedule
