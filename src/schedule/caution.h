// How far on the safe side predictions have to be. A request is let in where
//     expected + caution × risk <= limit,   caution = quantile × guard.
// `expected` and `risk` come from the planner: the mean of all that lies before the answer, and its
// uncertainty. Two things are learnt from each answer.
//
//   quantile   of e = (real - expected) / risk, the error in units of its own uncertainty (a "normalized
//              nonconformity score"), followed by stochastic approximation as LatencyModel's `likely` is. All
//              answers tell, those of quiet times too, so that a sudden load finds it known.
//   guard      from what counts in the end, whether answers were late. With a the share that may be late and
//              m the share of this batch that was (dropped ones count as late),
//              guard ×= exp(g (m - a)), the step of adaptive conformal inference (Gibbs and Candès 2021): one
//              batch late tightens it by g, only 1/a batches in time take that back, and over any long time
//              the share that is late comes to a. Below 1 it goes only by answers that were let in with
//              little to spare; quiet times take it back to 1.
//
// Not synchronised but for value().
#pragma once

#include <atomic>

namespace saccade::schedule {

class Caution {
 public:
  // The error of one answer.
  void learn(double e, double quantile);
  // A batch's answers, of which this share was late. `near`: some were let in with little to spare.
  void judge(double late_share, bool near, double may_be_late);

  // One that an idle server was not to take, by this caution, was in time nevertheless.
  void ease();

  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  double quantile_ = 1;
  double spread_ = 1;  // mean |e|
  double guard_ = 1;
  std::atomic<double> value_{1};
};

}  // namespace saccade::schedule
