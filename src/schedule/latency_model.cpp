#include "schedule/latency_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace saccade::schedule {
namespace {

constexpr double kLeastGain = 1.0 / 32;
constexpr double kCutOff = 8;          // spreads above the mean
constexpr double kHeldUp = 4;          // spreads above the mean from which a run counts as held up
constexpr double kLeastSpread = 0.01;  // of the mean, so that it can grow again
constexpr double kFirstSpread = 0.05;
// Spreads above the mean, of a knot that hasn't seen many runs.
constexpr double kLikelyAtFirst = 3;
constexpr double kLikelyAtMost = 6;
constexpr double kQuantileStep = 0.5;  // spreads
constexpr double kNoGain = 1.03;
constexpr std::uint64_t kManyRuns = 256;  // after which a knot knows its own quantile
// Runs after which a knot's mean is worth a decision, or the time of all of them: a long run averages by
// itself what short ones need several for.
constexpr std::uint64_t kTrusted = 8;
constexpr double kTrustedTime = 20e6;  // nanoseconds
// Runs before which a knot is left out where those around it are known: the first run of a size may take
// many times longer than the next, and would not be tried again.
constexpr std::uint64_t kWarm = 3;
constexpr std::uint64_t kLooks = 16;  // short runs between two looks at what is worth batching
constexpr base::Duration kLongRun = std::chrono::milliseconds(1);
constexpr double kPaceGain = 1.0 / 64;
constexpr double kPaceCutOff = 0.4;  // of a ratio's logarithm, so that one run that was held up says little

base::Duration whole(double nanoseconds) {
  return base::Duration(static_cast<base::Duration::rep>(nanoseconds));
}

// 1 to 8, then four to each doubling, at last `most`.
std::vector<std::int64_t> knots_up_to(std::int64_t most) {
  std::vector<std::int64_t> knots;
  for (std::int64_t items = 1; items < most;
       items += std::max<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(items)) / 4, 1)) {
    knots.push_back(items);
  }
  knots.push_back(most);
  return knots;
}

}  // namespace

LatencyModel::LatencyModel(std::int64_t most, double quantile, const std::vector<MeasuredRun>& measured,
                           bool guessed)
    : most_(std::max<std::int64_t>(most, 1)), quantile_(quantile), worth_(most_) {
  const std::vector<std::int64_t> sizes = knots_up_to(most_);
  size_ = sizes.size();
  knots_ = std::make_unique<Knot[]>(size_);
  for (std::size_t i = 0; i < size_; ++i) knots_[i].items = sizes[i];
  std::vector<MeasuredRun> known = measured;
  std::erase_if(known, [](const MeasuredRun& run) { return run.items <= 0 || run.time.count() <= 0; });
  std::ranges::sort(known, {}, &MeasuredRun::items);
  for (const MeasuredRun& run : known) {
    learn(run.items, run.time);
    Knot& knot = knots_[nearest(run.items)];
    knot.runs = kTrusted;
    knot.measured = knot.mean;
  }
  largest_run_ = 0;
  measured_ = std::move(known);  // from now on runs are compared with it
  guessed_ = guessed && !measured_.empty();
  find_worth();
}

// How long it took at the load, in proportion where this size was not measured.
double LatencyModel::measured_time(std::int64_t items) const {
  const auto above = std::ranges::lower_bound(measured_, items, {}, &MeasuredRun::items);
  const auto in_proportion = [&](const MeasuredRun& run) {
    return static_cast<double>(run.time.count()) * static_cast<double>(items) /
           static_cast<double>(run.items);
  };
  if (above == measured_.end()) return in_proportion(measured_.back());
  if (above->items == items || above == measured_.begin()) return static_cast<double>(above->time.count());
  const MeasuredRun& below = *std::prev(above);
  const double share =
      static_cast<double>(items - below.items) / static_cast<double>(above->items - below.items);
  return std::lerp(static_cast<double>(below.time.count()), static_cast<double>(above->time.count()), share);
}

void LatencyModel::follow_pace(std::int64_t items, double time) {
  const bool scales_guesses = guesses();
  double off = std::log(time / measured_time(items));
  if (!scales_guesses) off = std::clamp(off, pace_ - kPaceCutOff, pace_ + kPaceCutOff);
  ++paced_;
  const auto weight = static_cast<double>(guessed_ ? paced_ : paced_ + kFirstRuns);
  pace_ += std::max(1 / weight, kPaceGain) * (off - pace_);
  if (!scales_guesses && paced_ % kLooks != 0 && time < kLongRun.count()) return;
  const double factor = std::exp(pace_);
  for (std::size_t i = 0; i < size_; ++i) {
    Knot& knot = knots_[i];
    if (knot.measured == 0) continue;
    const double mean = knot.measured * factor;
    knot.mean.store(mean, std::memory_order_relaxed);
    knot.spread.store(kFirstSpread * mean, std::memory_order_relaxed);
    knot.likely.store(mean + kLikelyAtFirst * kFirstSpread * mean, std::memory_order_relaxed);
  }
}

std::size_t LatencyModel::nearest(std::int64_t items) const {
  std::size_t above = 0;
  std::size_t size = size_;
  while (size > 0) {  // the first knot that is not smaller
    const std::size_t half = size / 2;
    if (knots_[above + half].items < items) {
      above += half + 1;
      size -= half + 1;
    } else {
      size = half;
    }
  }
  if (above == size_) return size_ - 1;
  if (above > 0 && items - knots_[above - 1].items < knots_[above].items - items) --above;
  return above;
}

void LatencyModel::learn(std::int64_t items, base::Duration time) {
  if (items <= 0 || time.count() <= 0) return;
  largest_run_ = std::max(largest_run_, items);
  Knot& knot = knots_[nearest(items)];
  const double x =
      static_cast<double>(time.count()) * static_cast<double>(knot.items) / static_cast<double>(items);
  const bool guess = guessed_ && knot.measured > 0;
  if (!measured_.empty()) follow_pace(items, static_cast<double>(time.count()));
  knot.measured = 0;
  std::uint64_t runs = guess ? 1 : knot.runs.load(std::memory_order_relaxed) + 1;
  double mean = knot.mean.load(std::memory_order_relaxed);
  double spread = knot.spread.load(std::memory_order_relaxed);
  double likely = knot.likely.load(std::memory_order_relaxed);
  const bool cold_before = runs <= kTrusted && x < mean - kHeldUp * kFirstSpread * mean;
  if (runs == 1 || cold_before) {
    runs = 1;
    mean = x;
    spread = kFirstSpread * x;
    likely = mean + kLikelyAtFirst * spread;
  } else {
    if (x > mean + kHeldUp * spread) {
      const double hold_up = hold_up_.load(std::memory_order_relaxed);
      hold_up_.store(hold_up == 0 ? x - mean : hold_up + kLeastGain * (x - mean - hold_up),
                     std::memory_order_relaxed);
    }
    excess_spread_ +=
        kLeastGain * (std::min(std::abs(x - mean), kCutOff * std::max(excess_spread_, kLeastSpread * mean)) -
                      excess_spread_);
    const double excess = excess_.load(std::memory_order_relaxed);
    excess_.store(std::max(excess + kQuantileStep * std::max(excess_spread_, excess / 4) *
                                        (x - mean > excess ? quantile_ : quantile_ - 1),
                           0.0),
                  std::memory_order_relaxed);
    const double gain = std::max(1 / static_cast<double>(runs), kLeastGain);
    const double cut = std::min(x, mean + kCutOff * spread);
    spread = std::max(spread + gain * (std::abs(cut - mean) - spread), kLeastSpread * mean);
    mean += gain * (cut - mean);
    likely +=
        kQuantileStep * std::max(spread, (likely - mean) / 4) * (x > likely ? quantile_ : quantile_ - 1);
    // The quantile follows slowly: it would remember a cold first run for hundreds of others, and a spread
    // that has only now come to light would be as good as unknown to it.
    if (runs < kManyRuns)
      likely = std::clamp(likely, mean + kLikelyAtFirst * spread, mean + kLikelyAtMost * spread);
    likely = std::max(likely, mean);
  }
  knot.mean.store(mean, std::memory_order_relaxed);
  knot.spread.store(spread, std::memory_order_relaxed);
  knot.likely.store(likely, std::memory_order_relaxed);
  knot.runs.store(runs, std::memory_order_relaxed);
  if (++learnt_ % kLooks == 0 || time >= kLongRun) find_worth();
}

bool LatencyModel::trusted(const Knot& knot) const {
  const std::uint64_t runs = knot.runs.load(std::memory_order_relaxed);
  return runs >= kTrusted ||
         static_cast<double>(runs) * knot.mean.load(std::memory_order_relaxed) >= kTrustedTime;
}

double LatencyModel::likely(const Knot& knot) const {
  const double own = knot.likely.load(std::memory_order_relaxed);
  if (knot.runs.load(std::memory_order_relaxed) >= kManyRuns) return own;
  return std::max(own, knot.mean.load(std::memory_order_relaxed) + excess_.load(std::memory_order_relaxed));
}

LatencyModel::Time LatencyModel::time(std::int64_t items) const {
  items = std::max<std::int64_t>(items, 1);
  const std::size_t here = nearest(items);
  const auto warm = [&](std::size_t i) { return knots_[i].runs.load(std::memory_order_relaxed) >= kWarm; };
  if (knots_[here].items == items && warm(here)) return at(here, 1);
  const Neighbours warm_ones = neighbours(items, here, warm);
  if (warm_ones.low && warm_ones.high) return between(items, warm_ones);
  const auto known = [&](std::size_t i) { return knots_[i].runs.load(std::memory_order_relaxed) > 0; };
  if (knots_[here].items == items && known(here)) return at(here, 1);
  const Neighbours all = neighbours(items, here, known);
  // Beyond what is known: above it each further item costs what those of the largest do, below it nothing is
  // saved.
  if (!all.low && !all.high) return {};
  if (!all.high)
    return at(all.below, static_cast<double>(items) / static_cast<double>(knots_[all.below].items));
  if (!all.low) return at(all.above, 1);
  return between(items, all);
}

LatencyModel::Time LatencyModel::at(std::size_t knot, double factor) const {
  return Time{whole(knots_[knot].mean.load(std::memory_order_relaxed) * factor),
              whole(likely(knots_[knot]) * factor)};
}

// The next knots that `fits` takes, down and up from where these items belong.
template <class Fits>
LatencyModel::Neighbours LatencyModel::neighbours(std::int64_t items, std::size_t here, Fits fits) const {
  Neighbours found{.below = here, .above = here};
  while (found.below > 0 && (knots_[found.below].items > items || !fits(found.below))) --found.below;
  while (found.above + 1 < size_ && (knots_[found.above].items < items || !fits(found.above))) ++found.above;
  found.low = fits(found.below) && knots_[found.below].items <= items;
  found.high = fits(found.above) && knots_[found.above].items >= items;
  return found;
}

LatencyModel::Time LatencyModel::between(std::int64_t items, const Neighbours& knots) const {
  const auto from = static_cast<double>(knots_[knots.below].items);
  const auto to = static_cast<double>(knots_[knots.above].items);
  const double share = to > from ? (static_cast<double>(items) - from) / (to - from) : 0;
  const Time a = at(knots.below, 1 - share);
  const Time b = at(knots.above, share);
  return {a.mean + b.mean, a.likely + b.likely};
}

base::Duration LatencyModel::left(std::int64_t items, base::Duration gone) const {
  const Time usual = time(items);
  if (gone < usual.mean) return usual.mean - gone;
  const double spread = knots_[nearest(items)].spread.load(std::memory_order_relaxed);
  const double over = static_cast<double>((gone - usual.mean).count());
  const double hold_up = hold_up_.load(std::memory_order_relaxed);
  return whole(over > kHeldUp * spread ? std::max(hold_up, spread) : spread);
}

void LatencyModel::find_worth() {
  double best = 0;
  std::size_t last = size_;
  const auto per_item = [&](std::size_t i) {
    return knots_[i].mean.load(std::memory_order_relaxed) / static_cast<double>(knots_[i].items);
  };
  for (std::size_t i = 0; i < size_; ++i) {
    if (!trusted(knots_[i])) continue;
    if (last == size_ || per_item(i) < best) best = per_item(i);
    last = i;
  }
  std::int64_t worth = most_;
  for (std::size_t i = 0; i < size_ && last < size_; ++i) {
    if (!trusted(knots_[i]) || per_item(i) > kNoGain * best) continue;
    worth = i != last ? knots_[i].items : std::min(2 * knots_[i].items, most_);
    break;
  }
  worth_.store(worth, std::memory_order_relaxed);
}

std::vector<ScheduleReport::BatchTime> LatencyModel::report() const {
  std::vector<ScheduleReport::BatchTime> times;
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint64_t runs = knots_[i].runs.load(std::memory_order_relaxed);
    if (runs == 0) continue;
    times.push_back({.items = knots_[i].items,
                     .runs = runs,
                     .mean = whole(knots_[i].mean.load(std::memory_order_relaxed)),
                     .likely = whole(likely(knots_[i]))});
  }
  return times;
}

}  // namespace saccade::schedule
