// A discrete-event simulation of a planner with its instances: requests come as a Poisson process, runs take
// what a table says with some noise, and time is made up. The same seed gives the same course, whatever the
// machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "observe/metrics.h"
#include "schedule/planner.h"

namespace saccade::schedule {

// How long runs really take.
struct RunTable {
  std::vector<std::pair<std::int64_t, double>> times;  // items, seconds; ascending
  double noise = 0.05;                                 // of a run, lognormal
  double hiccups = 0.005;                              // share of runs that the machine holds up
  double hiccup = 0.5;                                 // by so many times the run of one, on the average

  double mean(std::int64_t items) const {
    const auto size = static_cast<double>(items);
    for (std::size_t i = 0; i < times.size(); ++i) {
      const auto to = static_cast<double>(times[i].first);
      if (size > to) continue;
      if (i == 0 || size == to) return times[i].second * size / to;
      const auto from = static_cast<double>(times[i - 1].first);
      return times[i - 1].second + (times[i].second - times[i - 1].second) * (size - from) / (to - from);
    }
    return times.back().second * size / static_cast<double>(times.back().first);
  }
  // Items per second of one instance, batched as is best.
  double capacity() const {
    double best = 0;
    for (const auto& [items, time] : times) best = std::max(best, static_cast<double>(items) / time);
    return best;
  }
  std::vector<MeasuredRun> measured() const {
    std::vector<MeasuredRun> runs;
    for (const auto& [items, time] : times) runs.push_back({items, seconds(time)});
    return runs;
  }
  static base::Duration seconds(double time) {
    return base::Duration(static_cast<base::Duration::rep>(time * 1e9));
  }
};

// What one class of requests came to.
struct Outcome {
  std::uint64_t offered = 0;
  std::uint64_t refused = 0;      // at the door
  std::uint64_t dropped = 0;      // from the queue
  std::uint64_t in_time = 0;      // within the objective
  std::vector<double> latencies;  // of the answered, in seconds, from when they were sent
  std::vector<double> drop_latencies;

  double quantile(double share) {
    if (latencies.empty()) return 0;
    const auto at =
        latencies.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies.size() - 1));
    std::ranges::nth_element(latencies, at);
    return *at;
  }
  double late_share() const {
    return latencies.empty() ? 0 : 1 - static_cast<double>(in_time) / static_cast<double>(latencies.size());
  }
};

class Simulation {
 public:
  struct Class {
    std::uint64_t priority = 0;
    std::function<double(double)> rate;  // requests per second at a time
    double most = 0;                     // and the most it gets to
  };

  Simulation(RunTable table, BatchPolicy policy, std::size_t instances, unsigned seed)
      : table_(std::move(table)), policy_(std::move(policy)), instances_(instances), random_(seed) {
    metrics_ = std::make_shared<ModelMetrics>(registry_, "m", "1");
    planner_ = std::make_unique<Planner>(policy_, metrics_, instances);
  }

  // One outcome for each class, of `time` seconds.
  std::vector<Outcome> run(const std::vector<Class>& classes, double time) {
    outcomes_.assign(classes.size(), {});
    end_ = time;
    for (std::size_t i = 0; i < classes.size(); ++i) next_arrival(classes, i, 0);
    while (!events_.empty()) {
      auto event = std::move(const_cast<Event&>(events_.top()));
      events_.pop();
      now_ = event.at;
      event.happens();
    }
    return std::move(outcomes_);
  }
  // All of one class, at a steady rate.
  Outcome run(double rate, double time) {
    return run({{.priority = 0, .rate = [rate](double) { return rate; }, .most = rate}}, time).front();
  }

  Planner& planner() { return *planner_; }
  std::uint64_t runs() const { return runs_; }
  std::uint64_t items() const { return items_; }
  // The machine's pace: how many times longer runs take from now on.
  void set_pace(double pace) { pace_ = pace; }
  // As if the machine had stood still under a thousand answers.
  void make_cautious() {
    Promise promise;
    promise.begun = promise.expected = point(now_ - 1);
    promise.limit = promise.drop_after = point(now_ - .9);
    promise.risk = std::chrono::microseconds(1);
    promise.ran = point(now_);
    promise.forecast = true;
    for (int i = 0; i < 1000; ++i) planner_->admission()->answered({&promise, 1}, point(now_), *metrics_);
  }
  // For so long a request may have lain in its socket, as far as the server knows.
  void set_unread(double seconds) { unread_ = seconds; }
  void at(double time, std::function<void()> happens) { schedule(time, std::move(happens)); }

 private:
  struct Event {
    double at;
    std::uint64_t number;
    std::function<void()> happens;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  static constexpr double kWay = 50e-6;  // from the client to the server

  static base::TimePoint point(double time) {
    return base::TimePoint{std::chrono::hours(1)} + RunTable::seconds(time);
  }
  static double seconds_of(base::TimePoint point) {
    return base::seconds(point - base::TimePoint{std::chrono::hours(1)});
  }

  void schedule(double at, std::function<void()> happens) {
    events_.push({at, ++number_, std::move(happens)});
  }

  // A Poisson process of a changing rate, by thinning one of the most.
  void next_arrival(const std::vector<Class>& classes, std::size_t which, double after) {
    const Class& own = classes[which];
    double at = after;
    do {
      at += std::exponential_distribution<double>(own.most)(random_);
    } while (at < end_ && std::uniform_real_distribution<double>(0, own.most)(random_) >= own.rate(at));
    if (at >= end_) return;
    schedule(at + kWay, [this, &classes, which, at] {
      arrive(classes[which].priority, which, at);
      next_arrival(classes, which, at);
    });
  }

  void arrive(std::uint64_t priority, std::size_t which, double sent) {
    ++outcomes_[which].offered;
    Job job;
    job.request.priority = priority;
    job.request.arrived = point(now_ - unread_);
    job.request.id = {};
    job.timings.queued = point(now_);
    job.request.client_id = std::to_string(sent_.size());  // finds who sent it again
    sent_.push_back({which, sent});
    if (planner_->would_refuse(nullptr, point(now_ - unread_), point(now_))) {
      ++outcomes_[which].refused;
      return;
    }
    std::vector<Planner::Dropped> dropped;
    if (planner_->enter(job, dropped)) ++outcomes_[which].refused;
    drop(dropped);
    dispatch();
  }

  void drop(const std::vector<Planner::Dropped>& dropped) {
    for (const auto& [job, error, why] : dropped) {
      const Sent& sent = sent_[std::stoul(job.request.client_id)];
      ++outcomes_[sent.which].dropped;
      outcomes_[sent.which].drop_latencies.push_back(now_ - sent.at);
    }
  }

  void dispatch() {
    while (planner_->running() < instances_ && !planner_->empty()) {
      const base::TimePoint due = planner_->due(point(now_));
      if (due > point(now_)) {
        schedule(seconds_of(due) + 1e-9, [this] { dispatch(); });
        break;
      }
      begin();
    }
    const base::TimePoint expiry = planner_->next_expiry();
    if (expiry == base::TimePoint::max() || expiry >= timer_) return;
    timer_ = expiry;
    schedule(std::max(seconds_of(expiry), now_) + 1e-6, [this] {
      timer_ = base::TimePoint::max();
      std::vector<Planner::Dropped> dropped;
      planner_->expire(point(now_), dropped);
      drop(dropped);
      dispatch();
    });
  }

  void begin() {
    auto batch = std::make_shared<std::vector<Job>>();
    std::vector<Planner::Dropped> dropped;
    const Planner::Run run = planner_->take(point(now_), *batch, dropped);
    drop(dropped);
    if (batch->empty()) return;
    ++runs_;
    items_ += static_cast<std::uint64_t>(run.items);
    double time =
        table_.mean(run.items) * pace_ * std::lognormal_distribution<double>(0, table_.noise)(random_);
    if (std::bernoulli_distribution(table_.hiccups)(random_)) {
      time += std::exponential_distribution<double>(1 / (table_.hiccup * table_.mean(1)))(random_);
    }
    schedule(now_ + time, [this, run, batch] {
      planner_->ended(run, point(now_));
      for (Job& job : *batch) job.promise.ran = point(now_);
      const double hop = 20e-6 + std::exponential_distribution<double>(1 / 50e-6)(random_);
      schedule(now_ + hop, [this, batch] { answer(*batch); });
      dispatch();
    });
  }

  void answer(const std::vector<Job>& batch) {
    std::vector<Promise> promises;
    for (const Job& job : batch) {
      promises.push_back(job.promise);
      const Sent& sent = sent_[std::stoul(job.request.client_id)];
      Outcome& outcome = outcomes_[sent.which];
      const double latency = now_ + kWay - sent.at;
      outcome.latencies.push_back(latency);
      if (latency <= base::seconds(policy_.objective.latency)) ++outcome.in_time;
    }
    planner_->admission()->answered(promises, point(now_), *metrics_);
  }

  struct Sent {
    std::size_t which;
    double at;
  };
  RunTable table_;
  const BatchPolicy policy_;
  const std::size_t instances_;
  std::mt19937_64 random_;
  observe::Registry registry_;
  std::shared_ptr<ModelMetrics> metrics_;
  std::unique_ptr<Planner> planner_;
  std::priority_queue<Event> events_;
  std::uint64_t number_ = 0;
  double now_ = 0;
  double end_ = 0;
  double pace_ = 1;
  double unread_ = 0;
  base::TimePoint timer_ = base::TimePoint::max();
  std::vector<Sent> sent_;
  std::vector<Outcome> outcomes_;
  std::uint64_t runs_ = 0;
  std::uint64_t items_ = 0;
};

}  // namespace saccade::schedule
