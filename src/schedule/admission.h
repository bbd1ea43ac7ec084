// What is learnt from promises kept and broken: what an answer needs after its run, how wrong predictions
// are, and how careful they have to be (caution.h), for each priority class by itself, as a wait behind
// others is harder to foretell. Safe from any thread.
//
// Half the share that the objective allows to be late is aimed at: what happens outside of the server takes
// its part.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/clock.h"
#include "request/objective.h"
#include "schedule/caution.h"
#include "schedule/job.h"
#include "schedule/model_metrics.h"

namespace saccade::schedule {

class Admission {
 public:
  explicit Admission(const request::Objective& objective);

  // Answers of one batch that have left their loop by `now`.
  void answered(std::span<const Promise> promises, base::TimePoint now, ModelMetrics& metrics);
  // One that was let in and then could not be answered in time: predicted wrongly, as late ones are.
  void broken(const Promise& promise);

  // A forecast that refuses everybody would never be proved wrong, as there would be no more answers to learn
  // from. So a request that finds a free instance and could be in time by the mean of what is known is let in
  // whatever the caution, at least this long after the last such trial. Trials that keep their limit shorten
  // it, in the end to nothing; those that don't make it longer.
  base::Duration between_trials() const { return duration(between_trials_); }

  double caution(std::uint64_t level) const { return cautions_[place(level)].value(); }
  // What an answer needs after its run, on the average and at the quantile.
  base::Duration after_run() const { return duration(after_); }
  base::Duration after_run_likely() const { return duration(after_likely_); }
  // By which predictions fell short, at the quantile; negative where they were too careful.
  base::Duration error() const { return duration(error_); }
  double kept() const { return kept_.load(std::memory_order_relaxed); }
  std::uint64_t answered() const { return answered_.load(std::memory_order_relaxed); }
  std::uint64_t late() const { return late_.load(std::memory_order_relaxed); }

 private:
  static base::Duration duration(const std::atomic<double>& nanoseconds) {
    return base::Duration(static_cast<base::Duration::rep>(nanoseconds.load(std::memory_order_relaxed)));
  }
  void learn_after_run(base::Duration after);
  void learn_error(const Promise& promise, base::TimePoint now);
  void learn_trial(bool in_time);
  static std::size_t place(std::uint64_t level) { return level < kClasses ? level : kClasses - 1; }

  static constexpr std::size_t kClasses = 8;  // that are told apart
  // Of one class, in one batch.
  struct Tally {
    std::size_t held = 0;
    std::size_t broken = 0;  // late though an idle server could have kept the limit
    bool near = false;       // one was let in with little to spare
  };

  const double quantile_;   // that is aimed at
  const double may_break_;  // 1 - quantile_
  const double longest_between_trials_;
  std::mutex mutex_;  // writers
  std::uint64_t batches_ = 0;
  double after_spread_ = 0;
  double error_spread_ = 0;
  // Written under mutex_.
  std::array<Caution, kClasses> cautions_;
  std::atomic<double> after_{0};
  std::atomic<double> after_likely_{0};
  std::atomic<double> error_{0};
  std::atomic<double> between_trials_;
  std::atomic<double> kept_{1};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> late_{0};
};

}  // namespace saccade::schedule
