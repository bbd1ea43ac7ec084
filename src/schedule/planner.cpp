#include "schedule/planner.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace saccade::schedule {
namespace {

using base::Duration;
using base::TimePoint;

constexpr std::size_t kMostInstances = 64;  // that a forecast tells apart
constexpr double kPace = 0.03;              // of a forecast: the machine's pace, which doesn't average out
constexpr double kReserve = 0.02;           // of the objective: for the way to the server and back
// Runs that have to go into the objective: the one that is waited for and one's own; with levels one more, as
// what is under way is mostly of others and yet the urgent ones count on being let in.
constexpr int kRuns = 2;
constexpr int kRunsOfUrgent = 3;
constexpr double kGapGain = 1.0 / 32;
constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr double kFlowTime = 0.5;  // seconds over which flows are averaged
constexpr double kLongestGap = 1e9;
constexpr std::uint64_t kExploreFirst = 64;  // batches between two of an odd size
constexpr std::uint64_t kExploreLast = 1024;
constexpr double kMostUrgent = 0.98;  // share of the time above which nothing is left to those behind

Duration whole(double nanoseconds) {
  return Duration(static_cast<Duration::rep>(nanoseconds));
}
double nanoseconds(Duration duration) {
  return static_cast<double>(duration.count());
}

std::string milliseconds(Duration duration) {
  const double ms = nanoseconds(duration) / 1e6;
  const auto tenths = static_cast<std::int64_t>(std::ceil(ms * 10));
  if (tenths >= 100 || tenths % 10 == 0) return std::to_string((tenths + 9) / 10) + " ms";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

std::chrono::milliseconds pause(Duration time) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(time), std::chrono::milliseconds(1));
}

}  // namespace

Planner::Planner(const BatchPolicy& policy, std::shared_ptr<ModelMetrics> metrics, std::size_t instances)
    : policy_(policy),
      objective_(policy.objective),
      metrics_(std::move(metrics)),
      admission_(std::make_shared<Admission>(policy.objective)),
      latency_(std::max<std::int64_t>(policy.max_batch_size, 1), policy.objective.quantile, policy.measured,
               policy.measured_is_guess),
      queue_(policy, &latency_) {
  set_instances(instances);
  settle_size();
  metrics_->kept->objective_seconds.store(base::seconds(objective_.latency), std::memory_order_relaxed);
}

void Planner::set_instances(std::size_t count) {
  instances_ = std::max<std::size_t>(count, 1);
  reported_instances_.store(count, std::memory_order_relaxed);
}

// The forecast

// Looked at again with each tick.
void Planner::settle_size() {
  size_ = policy_.max_batch_size == 0 ? 1 : latency_.worth_batching();
  if (objective_.stated()) fit_size();
  reported_size_.store(size_, std::memory_order_relaxed);
}

void Planner::fit_size() {
  // A forecast is not to stand on batches whose gain is a guess: they grow as real runs show what they take.
  if (policy_.measured_is_guess) size_ = std::clamp<std::int64_t>(size_, 1, 1 + latency_.largest_run());
  const int runs = policy_.priority_levels > 0 ? kRunsOfUrgent : kRuns;
  const Duration each = (budget() - admission_->after_run_likely()) / runs;
  // Smaller batches don't make the gaps between them shorter: half of the time is the runs' at least.
  const Duration longest = std::max(each - whole(gap_), each / 2);
  while (size_ > 1 && latency_.time(size_).likely > longest) size_ = size_ > 8 ? size_ * 7 / 8 : size_ - 1;
}

Duration Planner::run_time() const {
  return latency_.time(size_).mean + whole(gap_);
}

// What the instance that is free as number `place` still needs.
Duration Planner::free_after(std::size_t place) const {
  const std::size_t count = std::min(instances_, kMostInstances);
  if (runs_.size() < count && place < count - runs_.size()) return Duration{0};
  std::array<Duration, kMostInstances> left;
  const std::size_t running = std::min(runs_.size(), count);
  for (std::size_t i = 0; i < running; ++i) {
    left[i] = latency_.left(runs_[i].items, now_ - runs_[i].taken);
  }
  const std::size_t at = std::min(place - (count - running), running - 1);
  std::nth_element(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(at),
                   left.begin() + static_cast<std::ptrdiff_t>(running));
  return left[at];
}

// The share of the instances' time that more urgent levels take.
double Planner::urgent_share(std::uint64_t level) const {
  double share = 0;
  for (const auto& [number, flow] : flows_) {
    if (number >= level) break;
    share += flow.rate;
  }
  return std::min(share / static_cast<double>(instances_), kMostUrgent);
}

Planner::Forecast Planner::forecast(std::int64_t before, std::int64_t items, std::uint64_t level) const {
  const std::size_t count = std::min(instances_, kMostInstances);
  const auto ahead = static_cast<std::size_t>(before / size_);
  const auto rounds = static_cast<Duration::rep>(ahead / count);
  const LatencyModel::Time full = latency_.time(size_);
  const Duration first = free_after(ahead % count);
  Duration start = first + (full.mean + whole(gap_)) * rounds + whole(gap_);
  if (!flows_.empty()) start = whole(nanoseconds(start) / (1 - urgent_share(level)));
  // Its own batch: those left in front of it, itself, and whoever comes meanwhile.
  const double coming = nanoseconds(start) * arrivals_per_second_.load(std::memory_order_relaxed) * 1e-9;
  const std::int64_t own =
      std::clamp(before % size_ + items + static_cast<std::int64_t>(std::min(coming, 1e9)), items,
                 std::max(size_, items));
  const LatencyModel::Time run = latency_.time(own);
  const double in_a_row = static_cast<double>(rounds) + (first.count() > 0 ? 1 : 0) + 1;
  Forecast forecast;
  forecast.start = start;
  forecast.run = run.mean;
  forecast.total = start + run.mean + admission_->after_run();
  forecast.risk = whole(std::sqrt(in_a_row) * nanoseconds(run.likely - run.mean) +
                        kPace * nanoseconds(start + run.mean)) +
                  admission_->after_run_likely() - admission_->after_run();
  return forecast;
}

// The door

Duration Planner::budget() const {
  return whole(nanoseconds(objective_.latency) * (1 - kReserve));
}

// Whether an idle server could be in time on the average.
bool Planner::is_possible() const {
  return latency_.time(1).mean + admission_->after_run() <= budget();
}

// Whether it could keep the objective.
bool Planner::can_be_kept() const {
  const LatencyModel::Time run = latency_.time(1);
  const Duration after = admission_->after_run();
  const double risk = nanoseconds(run.likely - run.mean + admission_->after_run_likely() - after) +
                      kPace * (gap_ + nanoseconds(run.mean));
  return run.mean + after +
             whole(2 * gap_ + admission_->caution(policy_.priority_levels > 0 ? 1 : 0) * risk) <=
         budget();
}

std::optional<base::Error> Planner::judge(Job& job) {
  Promise& promise = job.promise;
  promise.begun = job.request.arrived == TimePoint{} ? now_ : std::min(job.request.arrived, now_);
  if (job.loop != nullptr && objective_.stated()) {
    promise.begun = std::min(promise.begun, job.loop->unread_since(now_));
  }
  promise.limit = job.request.deadline;
  if (job.request.refuse_early) promise.drop_after = job.request.deadline;
  const LatencyModel::Time own = latency_.time(job.items());
  if (objective_.stated()) {
    promise.limit = std::min(promise.limit, promise.begun + objective_.latency);
    promise.drop_after = std::min(promise.drop_after, promise.begun + budget());
  }
  if (promise.drop_after == TimePoint::max() || own.mean.count() == 0) return {};
  const std::uint64_t level = queue_.level(job.request.priority);
  const std::int64_t before = queue_.items_before(level);
  const Forecast ahead = forecast(before, job.items(), level);
  const auto too_long = [&](const Forecast& f) {
    return now_ + f.total + whole(admission_->caution(level) * nanoseconds(f.risk)) - promise.drop_after;
  };
  Duration excess = too_long(ahead);
  // What nobody could keep is not held against one that a free instance takes at once; that it has waited too
  // long already is.
  const bool idle = before == 0 && runs_.size() < instances_;
  const TimePoint latest = objective_.stated() && !is_possible() ? job.request.deadline : promise.drop_after;
  if (idle && excess.count() > 0 && now_ + ahead.total <= latest &&
      (job.request.deadline != TimePoint::max() || !can_be_kept())) {
    promise.drop_after = TimePoint::max();
    excess = Duration{0};
  }
  if (idle && excess.count() > 0 && takes_trial(promise, now_ + ahead.total)) {
    promise.drop_after = TimePoint::max();
    promise.trial = true;
    excess = Duration{0};
  }
  if (excess.count() > 0) {
    const bool urgent = urgent_share(level) > 0.5 && level > 0;
    (urgent ? refused_urgent_ : refused_late_).add(1);
    (urgent ? metrics_->refused_for_urgent : metrics_->refused_too_late).add();
    return refusal(promise.limit - promise.begun, ahead.total + (now_ - promise.begun), excess);
  }
  promise.expected = now_ + ahead.total;
  promise.run = ahead.run;
  promise.risk = ahead.risk;
  promise.level = level;
  promise.forecast = true;
  promise.guess = latency_.guesses();
  return {};
}

bool Planner::takes_trial(const Promise& promise, TimePoint answered) {
  if (!objective_.stated() || answered > promise.drop_after || now_ < trial_from_) return false;
  trial_from_ = now_ + admission_->between_trials();
  return true;
}

base::Error Planner::refusal(Duration within, Duration total, Duration too_long) const {
  base::Error error{base::Code::kUnavailable, {}};
  error.retry_after = pause(too_long);
  error.message = "model \"" + metrics_->model + "\" can't answer within " + milliseconds(within) +
                  " now: about " + milliseconds(total) + "; try again in " +
                  std::to_string(error.retry_after.count()) + " ms";
  return error;
}

std::optional<base::Error> Planner::enter(Job& job, std::vector<Dropped>& dropped) {
  now_ = job.timings.queued;
  ++arrivals_;
  tick(now_);
  if (objective_.stated() || job.request.deadline != TimePoint::max()) {
    if (auto error = judge(job)) {
      publish();
      return error;
    }
  } else {
    job.promise.begun = now_;
  }
  const std::uint64_t level = queue_.level(job.request.priority);
  const std::int64_t items = job.items();
  if (!queue_.push(job)) {
    if (auto error = make_room(job, level, dropped)) return error;
  }
  if (policy_.priority_levels > 0) {
    flows_[level].sum += static_cast<double>(items) * nanoseconds(run_time()) / static_cast<double>(size_);
    shed_behind(level, dropped);
  }
  note_ready();
  publish();
  return {};
}

std::optional<base::Error> Planner::make_room(Job& job, std::uint64_t level, std::vector<Dropped>& dropped) {
  if (queue_.full() && queue_.last_behind(level) != nullptr) {
    evict(dropped);
    if (queue_.push(job)) return {};
  }
  refused_full_.add(1);
  metrics_->refused_for_room.add();
  base::Error error{base::Code::kUnavailable, "the model's queue is full; try again later"};
  error.retry_after = pause(free_after(0) + run_time());
  return error;
}

void Planner::evict(std::vector<Dropped>& dropped) {
  base::Error error{base::Code::kUnavailable, "more urgent requests need the place; try again later"};
  error.retry_after = pause(run_time() * static_cast<Duration::rep>(1 + queue_.size() / instances_));
  queue_.evict_last(std::move(error), dropped);
  evicted_.add(1);
}

// Those who can't keep their limit behind the one that came in are told at once.
void Planner::shed_behind(std::uint64_t level, std::vector<Dropped>& dropped) {
  while (const Job* last = queue_.last_behind(level)) {
    if (!last->promise.forecast || last->promise.drop_after == TimePoint::max()) return;
    const std::int64_t before = queue_.items() - last->items();
    if (now_ + forecast(before, last->items(), level).total <= last->promise.drop_after) return;
    evict(dropped);
  }
}

// A free instance

bool Planner::full_enough() const {
  const std::int64_t items = queue_.items();
  return items >= policy_.max_batch_size ||
         std::ranges::find(policy_.preferred_batch_sizes, items) != policy_.preferred_batch_sizes.end();
}

// Where others wait for the threads, a batch may wait for company as long as that saves their time: until the
// next is likely to come, if it costs less in the same run than in one of its own, and as long as nobody gets
// late.
TimePoint Planner::company_until(TimePoint now) const {
  const std::int64_t items = queue_.items();
  const double rate = arrivals_per_second_.load(std::memory_order_relaxed) * 1e-9;
  if (!contended_ || !objective_.stated() || items >= latency_.worth_batching() || rate <= 0) return now;
  const Duration alone = latency_.time(1).mean;
  const Duration saved = latency_.time(items).mean + alone - latency_.time(items + 1).mean;
  if (saved < alone / 8) return now;
  const Duration next = whole(std::min(2 / rate, 1e9));
  const Duration longest = latency_.time(latency_.worth_batching()).mean;
  return std::min(now + next, queue_.oldest() + std::min(longest, objective_.latency / 8));
}

TimePoint Planner::due(TimePoint now) {
  if (queue_.empty()) return TimePoint::max();
  now_ = now;
  TimePoint due = now;
  if (policy_.max_queue_delay.count() > 0) {
    if (!full_enough()) due = queue_.oldest() + policy_.max_queue_delay;
  } else if (contended_) {
    due = company_until(now);
  }
  if (due <= now) return now;
  // Never past what the first to be late allows, with room for the batch that is waited for.
  const TimePoint soonest = queue_.soonest_limit();
  if (soonest != TimePoint::max()) {
    const LatencyModel::Time run = latency_.time(latency_.worth_batching());
    const Duration margin = run.likely + admission_->after_run_likely() + whole(2 * gap_);
    due = std::min(due, soonest - margin - margin / 8);
  }
  if (due > now) waited_until_ = due;
  return std::max(due, now);
}

// The size that is worth it; now and then another, so that what is known of it stays true. An odd size that
// changes nothing is tried less and less often.
std::int64_t Planner::next_size() {
  if (policy_.max_batch_size == 0) return 0;
  if (size_ != explored_size_) {
    explored_size_ = size_;
    explore_every_ = kExploreFirst;
  }
  if (++batches_ < explore_at_ || queue_.items() <= size_) return size_;
  explore_at_ = batches_ + explore_every_;
  explore_every_ = std::min(2 * explore_every_, kExploreLast);
  explore_up_ = !explore_up_;
  if (explore_up_) return std::min(2 * size_, policy_.max_batch_size);
  return std::max<std::int64_t>(size_ / 2, 1);
}

Planner::Run Planner::take(TimePoint now, std::vector<Job>& batch, std::vector<Dropped>& dropped, bool lone) {
  now_ = now;
  tick(now);
  const std::size_t first = batch.size();
  const std::size_t first_dropped = dropped.size();
  queue_.set_after_run(admission_->after_run());
  queue_.take(now, next_size(), batch, dropped);
  count(dropped, first_dropped);
  Run run;
  if (batch.size() > first) {
    if (ready_ != TimePoint::max()) {
      const Duration waited = now - std::min(now, std::max(ready_, waited_until_));
      gap_ += kGapGain * (std::min(nanoseconds(waited), kLongestGap) - gap_);
      if (waited_until_ > ready_) metrics_->batch_wait.observe(now - std::min(now, ready_));
    }
    for (std::size_t i = first; i < batch.size(); ++i) run.items += batch[i].items();
    // A larger batch than was thought of is no error: the queue makes none that is too large.
    run.lone = lone;
    run.alone = runs_.empty() && queue_.empty() && batch.size() == first + 1;
    const Duration usual = latency_.time(run.items).mean;
    const Duration mean = lone ? whole(nanoseconds(usual) * lone_runs_.share()) : usual;
    for (std::size_t i = first; i < batch.size(); ++i)
      batch[i].promise.expected += mean - batch[i].promise.run;
    run.number = ++next_run_;
    run.taken = now;
    runs_.push_back(run);
  }
  ready_ = TimePoint::max();
  note_ready();
  publish();
  return run;
}

void Planner::ended(const Run& run, TimePoint now, bool failed) {
  now_ = now;
  tick(now);
  std::erase_if(runs_, [&](const Run& other) { return other.number == run.number; });
  busy_time_ += nanoseconds(now - std::max(run.taken, counted_from_));
  if (!failed) learn(run, now - run.taken);
  note_ready();
  publish();
}

void Planner::learn(const Run& run, Duration time) {
  const bool joined = next_run_ != run.number;
  if (run.alone) lone_runs_.note(joined);
  if (!run.lone) return latency_.learn(run.items, time);
  const Duration usual = latency_.time(run.items).mean;
  if (usual.count() > 0) lone_runs_.learn(joined, nanoseconds(time) / nanoseconds(usual));
}

bool Planner::lone_pays() {
  return !latency_.guesses() && lone_runs_.pay();  // with guesses there is nothing to compare with
}

TimePoint Planner::start_by() const {
  const TimePoint soonest = queue_.soonest_limit();
  if (soonest == TimePoint::max()) return soonest;
  const std::int64_t items = std::min(queue_.items(), latency_.worth_batching());
  return soonest - latency_.time(items).likely - admission_->after_run_likely();
}

void Planner::expire(TimePoint now, std::vector<Dropped>& dropped) {
  now_ = now;
  const std::size_t first = dropped.size();
  queue_.expire(now, dropped);
  count(dropped, first);
  if (queue_.empty()) ready_ = TimePoint::max();
  publish();
}

void Planner::count(const std::vector<Dropped>& dropped, std::size_t from) {
  std::size_t late = 0;
  for (std::size_t i = from; i < dropped.size(); ++i) {
    const BatchQueue::Why why = dropped[i].why;
    if (why == BatchQueue::Why::kCancelled) dropped_cancelled_.add(1);
    if (why != BatchQueue::Why::kTooLate && why != BatchQueue::Why::kDeadline) continue;
    ++late;
    admission_->broken(dropped[i].job.promise);
  }
  dropped_late_.add(late);
}

// What goes by

void Planner::note_ready() {
  if (queue_.empty()) {
    ready_ = TimePoint::max();
  } else if (ready_ == TimePoint::max() && runs_.size() < instances_) {
    ready_ = now_;
  }
}

void Planner::tick(TimePoint now) {
  if (now - counted_from_ < kTick) return;
  const Duration passed = now - counted_from_;
  const bool first = counted_from_ == TimePoint{};
  const double seconds = nanoseconds(passed) * 1e-9;
  for (const Run& run : runs_)
    busy_time_ += first ? 0 : nanoseconds(now - std::max(run.taken, counted_from_));
  const std::uint64_t early = early_refusals_.load(std::memory_order_relaxed);
  const double rate = static_cast<double>(arrivals_ + early - counted_early_) / seconds;
  const double busy = busy_time_ / (nanoseconds(passed) * static_cast<double>(instances_));
  const double weight = first ? 0 : 1 - std::exp(-seconds / kFlowTime);
  const auto follow = [&](std::atomic<double>& figure, double value) {
    const double old = figure.load(std::memory_order_relaxed);
    figure.store(old + weight * (value - old), std::memory_order_relaxed);
  };
  follow(arrivals_per_second_, rate);
  follow(busy_, std::min(busy, 1.0));
  for (auto& [level, flow] : flows_) {
    flow.rate += weight * (flow.sum / nanoseconds(passed) - flow.rate);
    flow.sum = 0;
  }
  settle_size();
  arrivals_ = 0;
  counted_early_ = early;
  busy_time_ = 0;
  counted_from_ = now;
}

void Planner::publish() {
  waiting_.set(queue_.size());
  running_.set(runs_.size());
  if (!objective_.stated()) return;
  const LatencyModel::Time own = latency_.time(1);
  if (own.mean.count() == 0) return;
  // Which level a request is of is not known before it is decoded: who is refused unseen would be refused as
  // the most urgent, too.
  const std::uint64_t level = policy_.priority_levels > 0 ? 1 : 0;
  const Forecast newcomer = forecast(queue_.items_before(level), 1, level);
  const Duration safe = whole(admission_->caution(level) * nanoseconds(newcomer.risk));
  free_at_.store((now_ + newcomer.start).time_since_epoch().count(), std::memory_order_relaxed);
  needs_.store((newcomer.total - newcomer.start + safe).count(), std::memory_order_relaxed);
  least_.store((own.mean + admission_->after_run()).count(), std::memory_order_relaxed);
  const bool idle = queue_.empty() && runs_.size() < instances_;
  const TimePoint seen_from = !can_be_kept() ? TimePoint::min() : idle ? trial_from_ : TimePoint::max();
  seen_from_.store(seen_from.time_since_epoch().count(), std::memory_order_relaxed);
  // What nobody could keep is decided at the door.
  budget_.store(is_possible() ? budget().count() : 0, std::memory_order_relaxed);
}

std::optional<base::Error> Planner::would_refuse(runtime::EventLoop* loop, TimePoint arrived, TimePoint now) {
  const Duration budget{budget_.load(std::memory_order_relaxed)};
  if (budget.count() == 0) return {};
  const TimePoint begun = loop == nullptr ? arrived : std::min(arrived, loop->unread_since(now));
  const TimePoint free_at{Duration(free_at_.load(std::memory_order_relaxed))};
  const TimePoint end = std::max(now, free_at) + Duration(needs_.load(std::memory_order_relaxed));
  if (end <= begun + budget) return {};
  const bool hopeless = now + Duration(least_.load(std::memory_order_relaxed)) > begun + budget;
  if (!hopeless && now >= TimePoint{Duration(seen_from_.load(std::memory_order_relaxed))}) return {};
  early_refusals_.fetch_add(1, std::memory_order_relaxed);
  metrics_->refused_too_late.add();
  metrics_->rejected.add();
  metrics_->count_failed(arrived, now);
  return refusal(objective_.latency, end - begun, end - (begun + budget));
}

ScheduleReport Planner::report() const {
  ScheduleReport report;
  report.objective = objective_;
  report.instances = reported_instances_.load(std::memory_order_relaxed);
  report.min_instances = policy_.min_instances;
  report.max_instances = policy_.max_instances;
  report.max_batch_size = policy_.max_batch_size;
  report.worth_batching = policy_.max_batch_size == 0 ? 1 : latency_.worth_batching();
  report.run_times = latency_.report();
  report.waiting = waiting_.value();
  report.running = running_.value();
  report.arrivals_per_second = arrivals_per_second_.load(std::memory_order_relaxed);
  report.busy = busy_.load(std::memory_order_relaxed);
  const std::int64_t size = reported_size_.load(std::memory_order_relaxed);
  if (const Duration run = latency_.time(size).mean; run.count() > 0) {
    report.capacity_per_second =
        static_cast<double>(size) * static_cast<double>(report.instances) * 1e9 / nanoseconds(run);
    const auto batches = static_cast<Duration::rep>(report.waiting / static_cast<std::size_t>(size) /
                                                    std::max<std::size_t>(report.instances, 1));
    report.predicted_wait = report.running < report.instances ? Duration{0} : run / 2 + run * batches;
  }
  report.prediction_error = admission_->error();
  report.kept = admission_->kept();
  report.answered = admission_->answered();
  report.late = admission_->late();
  report.refused_queue_full = refused_full_.value();
  report.refused_too_late = refused_late_.value() + early_refusals_.load(std::memory_order_relaxed);
  report.refused_for_higher = refused_urgent_.value() + evicted_.value();
  report.dropped_too_late = dropped_late_.value();
  report.dropped_cancelled = dropped_cancelled_.value();
  return report;
}

}  // namespace saccade::schedule
