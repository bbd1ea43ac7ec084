#include "schedule/admission.h"

#include <algorithm>
#include <cmath>

namespace saccade::schedule {
namespace {

constexpr double kAim = 0.5;  // of what the objective allows
constexpr double kGain = 1.0 / 64;
constexpr double kKeptGain = 1.0 / 1024;
constexpr double kQuantileStep = 0.5;
// Between trials, in times of the objective.
constexpr double kFirstTrials = 1;
constexpr double kFewestTrials = 8;
constexpr double kTrialsCount = 1.0 / 64;  // below it, each of them may go in

double nanoseconds(base::Duration duration) {
  return static_cast<double>(duration.count());
}

base::Duration duration_of(double nanoseconds) {
  return base::Duration(static_cast<base::Duration::rep>(nanoseconds));
}

void add(std::atomic<std::uint64_t>& figure, std::uint64_t count) {
  figure.store(figure.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

// A quantile's step by the subgradient of the pinball loss.
double towards(double quantile, double share, double value, double step) {
  return quantile + step * (value > quantile ? share : share - 1);
}

}  // namespace

Admission::Admission(const request::Objective& objective)
    : quantile_(1 - kAim * (1 - objective.quantile)),
      may_break_(1 - quantile_),
      longest_between_trials_(kFewestTrials * nanoseconds(objective.latency)),
      between_trials_(kFirstTrials * nanoseconds(objective.latency)) {}

void Admission::answered(std::span<const Promise> promises, base::TimePoint now, ModelMetrics& metrics) {
  if (promises.empty()) return;
  const std::lock_guard lock(mutex_);
  learn_after_run(now - promises.front().ran);
  std::array<Tally, kClasses> tallies{};
  std::size_t held = 0;
  std::size_t late = 0;
  for (const Promise& promise : promises) {
    if (!promise.held()) continue;
    Tally& tally = tallies[place(promise.level)];
    ++held;
    ++tally.held;
    if (now > promise.limit) ++late;
    if (now > promise.limit && promise.drop_after != base::TimePoint::max() && !promise.guess) ++tally.broken;
    if (promise.trial) {
      learn_trial(now <= promise.limit);
      if (now <= promise.limit) cautions_[place(promise.level)].ease();
    }
    metrics.answer_time.observe(now - promise.begun);
    if (!promise.forecast) continue;
    metrics.predicted_time.observe(promise.expected - promise.begun);
    metrics.prediction_error.observe(std::max(now - promise.expected, base::Duration{0}));
    tally.near =
        tally.near || promise.expected + duration_of(caution(promise.level) * nanoseconds(promise.risk)) >
                          promise.limit - (promise.limit - promise.begun) / 4;
    if (!promise.guess) learn_error(promise, now);
  }
  add(answered_, promises.size());
  if (held == 0) return;
  add(late_, late);
  if (late > 0) metrics.late.add(late);
  const double share = static_cast<double>(late) / static_cast<double>(held);
  metrics.kept->note(share, held);
  kept_.store(kept_ + (1 - share - kept_) * std::min(kKeptGain * static_cast<double>(held), 1.0),
              std::memory_order_relaxed);
  for (std::size_t i = 0; i < kClasses; ++i) {
    if (tallies[i].held == 0) continue;
    cautions_[i].judge(static_cast<double>(tallies[i].broken) / static_cast<double>(tallies[i].held),
                       tallies[i].near, may_break_);
  }
}

void Admission::broken(const Promise& promise) {
  if (promise.guess) return;
  const std::lock_guard lock(mutex_);
  cautions_[place(promise.level)].judge(1, true, may_break_);
}

// Halved and doubled: in the long run half of the trials are late where they can't be told from the others,
// and they are few then.
void Admission::learn_trial(bool in_time) {
  const double least = longest_between_trials_ / kFewestTrials * kTrialsCount;
  double between = between_trials_;
  if (in_time) {
    between = between / 2 < least ? 0 : between / 2;
  } else {
    between = std::clamp(between * 4, 16 * least, longest_between_trials_);
  }
  between_trials_.store(between, std::memory_order_relaxed);
}

void Admission::learn_after_run(base::Duration after) {
  const double x = nanoseconds(after);
  if (batches_++ == 0) {
    after_ = x;
    after_spread_ = x / 4;
    after_likely_ = 2 * x;
    return;
  }
  const double mean = after_;
  const double cut = std::min(x, mean + 8 * after_spread_);
  after_spread_ = std::max(after_spread_ + kGain * (std::abs(cut - mean) - after_spread_), 0.01 * mean);
  after_.store(mean + kGain * (cut - mean), std::memory_order_relaxed);
  const double likely = towards(after_likely_, quantile_, x,
                                kQuantileStep * std::max(after_spread_, (after_likely_ - mean) / 4));
  after_likely_.store(std::max(likely, after_.load()), std::memory_order_relaxed);
}

void Admission::learn_error(const Promise& promise, base::TimePoint now) {
  const double missed = nanoseconds(now - promise.expected);
  cautions_[place(promise.level)].learn(missed / std::max(nanoseconds(promise.risk), 1.0), quantile_);
  error_spread_ += kGain * (std::min(std::abs(missed), std::max(8 * error_spread_, 1e3)) - error_spread_);
  error_.store(towards(error_, quantile_, missed, kQuantileStep * error_spread_), std::memory_order_relaxed);
}

}  // namespace saccade::schedule
