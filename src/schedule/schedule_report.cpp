#include "schedule/schedule_report.h"

#include <algorithm>

namespace saccade::schedule {
namespace {

void merge(const std::vector<ScheduleReport::BatchTime>& others,
           std::vector<ScheduleReport::BatchTime>& times) {
  for (const ScheduleReport::BatchTime& other : others) {
    const auto at = std::ranges::lower_bound(times, other.items, {}, &ScheduleReport::BatchTime::items);
    if (at == times.end() || at->items != other.items) {
      times.insert(at, other);
      continue;
    }
    const std::uint64_t runs = at->runs + other.runs;
    if (other.runs > at->runs) *at = other;
    at->runs = runs;
  }
}

}  // namespace

void add(const ScheduleReport& other, ScheduleReport& sum) {
  const std::size_t places = sum.instances + other.instances;
  if (places > 0) {
    sum.busy =
        (sum.busy * static_cast<double>(sum.instances) + other.busy * static_cast<double>(other.instances)) /
        static_cast<double>(places);
  }
  sum.instances = places;
  sum.worth_batching = std::max(sum.worth_batching, other.worth_batching);
  merge(other.run_times, sum.run_times);
  sum.waiting += other.waiting;
  sum.running += other.running;
  sum.arrivals_per_second += other.arrivals_per_second;
  sum.capacity_per_second += other.capacity_per_second;
  sum.predicted_wait = std::max(sum.predicted_wait, other.predicted_wait);
  sum.prediction_error = std::max(sum.prediction_error, other.prediction_error);
  sum.kept = std::min(sum.kept, other.kept);
  sum.answered += other.answered;
  sum.late += other.late;
  sum.refused_queue_full += other.refused_queue_full;
  sum.refused_too_late += other.refused_too_late;
  sum.refused_for_higher += other.refused_for_higher;
  sum.dropped_too_late += other.dropped_too_late;
  sum.dropped_cancelled += other.dropped_cancelled;
}

}  // namespace saccade::schedule
