// One place's plan: who may come in, who waits, when a free instance takes which of them. A lane of the loop
// scheduler has one, and each model of the instance scheduler.
//
// It knows the queue, the runs under way and how long runs take, and nothing of threads: a scheduler tells it
// what happens and asks it what to do. Not synchronised (a lane is its loop's; instances hold their lock) but
// for would_refuse() and report(). Times are passed in, so that a test can make them up.
//
// The size of a batch, b, is what is worth batching, and less where two such runs, the one that is waited for
// and one's own, would not go into the objective.
//
// The prediction. Let a run of b items keep an instance for T(b), g be the
// time between an instance's being free and its next run, and r_1 <= r_2 <= … <= r_S what the S instances
// still need for the runs under way (0 for a free one). With n items in front of it, a newcomer is of batch
// j = n / b, rounded down, and as batches go to whichever instance is free first, and take the same time,
//     start = r_(j mod S) + (j div S) × (T(b) + g) + g.
// Where more urgent levels keep the instances busy for a share u of their time, each moment of waiting brings
// u moments of work in front of it, so that the wait becomes start / (1 - u) (the delay cycle; Cobham 1954).
//     expected = now + start + T(own batch) + after the run
//     risk     = sqrt(runs in a row) × (likely - mean of one) + 3 % of (start + T) + likely - mean after it
// as independent errors of runs in a row add up by their squares, while those of the machine's pace do not
// cancel out. Admission says how much of the risk has to be taken into account.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "schedule/admission.h"
#include "schedule/batch_policy.h"
#include "schedule/batch_queue.h"
#include "schedule/latency_model.h"
#include "schedule/lone_runs.h"
#include "schedule/model_metrics.h"
#include "schedule/schedule_report.h"
#include "schedule/statistics.h"

namespace saccade::schedule {

class Planner {
 public:
  using Dropped = BatchQueue::Dropped;

  // A run under way.
  struct Run {
    std::uint64_t number = 0;
    std::int64_t items = 0;  // 0: none
    base::TimePoint taken{};
    bool lone = false;   // with more threads
    bool alone = false;  // with one request, and nothing else ran or waited when it began
  };

  // `policy` must outlive the planner. `metrics` is shared, as answers are learnt from after the end.
  // `instances`: runs that may go on side by side at first.
  Planner(const BatchPolicy& policy, std::shared_ptr<ModelMetrics> metrics, std::size_t instances);

  // The door. Takes the job, whose timings.queued and loop are set, or says why not and leaves it untouched.
  // Less urgent ones that have to go for it come out in `dropped`.
  std::optional<base::Error> enter(Job& job, std::vector<Dropped>& dropped);

  bool empty() const { return queue_.empty(); }
  std::size_t waiting() const { return queue_.size(); }
  std::int64_t waiting_items() const { return queue_.items(); }

  // When a free instance should take a batch; not after `now`: at once. max(): nothing waits. Ask again when
  // a request has come in.
  base::TimePoint due(base::TimePoint now);
  // Moves the next batch to the end of `batch` and begins its run, if it is not empty. What needs no run any
  // more goes to `dropped`. `lone`: it runs otherwise than all others, with more threads; what it takes says
  // nothing of them.
  Run take(base::TimePoint now, std::vector<Job>& batch, std::vector<Dropped>& dropped, bool lone = false);
  // The run has ended and its instance is free again. `failed`: nothing is to be learnt from it.
  void ended(const Run& run, base::TimePoint now, bool failed = false);

  // Whether a request that is alone should be run with more threads (lone_runs.h).
  bool lone_pays();

  // When the run of the most pressing one has to begin, if it is to be answered in time; max(): none presses.
  base::TimePoint start_by() const;
  // No request needs to be dropped before this.
  base::TimePoint next_expiry() const { return queue_.next_expiry(); }
  void expire(base::TimePoint now, std::vector<Dropped>& dropped);

  // How many runs may go on side by side from now on.
  void set_instances(std::size_t count);
  // Whether others wait for the threads that these runs go on: then to wait for company is no loss to
  // anybody.
  void set_contended(bool contended) { contended_ = contended; }
  std::size_t running() const { return runs_.size(); }

  // Where answers are told to once they have left their loop, from that loop: shared, as the last of them may
  // leave after the scheduler has ended.
  const std::shared_ptr<Admission>& admission() const { return admission_; }

  // From any thread: whether a request that has come in on `loop` (null: not on one) and says nothing of its
  // own is sure to be refused; then it counts as such. Costs little, so that it can be asked before the
  // request is decoded.
  std::optional<base::Error> would_refuse(runtime::EventLoop* loop, base::TimePoint arrived,
                                          base::TimePoint now);
  // All but the place. From any thread. A sum over lanes begins with the first's.
  ScheduleReport report() const;

 private:
  struct Forecast {
    base::Duration start{0};  // from now
    base::Duration run{0};    // its own
    base::Duration total{0};  // from now to the answer
    base::Duration risk{0};
  };
  // Work of one level or of all, per second, lately.
  struct Flow {
    double rate = 0;  // nanoseconds of run time per nanosecond
    double sum = 0;   // since the last tick
  };

  Forecast forecast(std::int64_t before, std::int64_t items, std::uint64_t level) const;
  base::Duration run_time() const;  // T(b) + g
  base::Duration free_after(std::size_t place) const;
  double urgent_share(std::uint64_t level) const;
  // The objective's time, less what is lost on the way to the server and back.
  base::Duration budget() const;
  bool is_possible() const;
  bool can_be_kept() const;
  void settle_size();
  void fit_size();
  std::optional<base::Error> judge(Job& job);
  bool takes_trial(const Promise& promise, base::TimePoint answered);
  base::Error refusal(base::Duration within, base::Duration total, base::Duration too_long) const;
  std::optional<base::Error> make_room(Job& job, std::uint64_t level, std::vector<Dropped>& dropped);
  void evict(std::vector<Dropped>& dropped);
  void shed_behind(std::uint64_t level, std::vector<Dropped>& dropped);
  void count(const std::vector<Dropped>& dropped, std::size_t from);
  std::int64_t next_size();
  void learn(const Run& run, base::Duration time);
  bool full_enough() const;
  base::TimePoint company_until(base::TimePoint now) const;
  void tick(base::TimePoint now);
  void publish();
  void note_ready();

  const BatchPolicy& policy_;
  const request::Objective& objective_;
  std::shared_ptr<ModelMetrics> metrics_;
  std::shared_ptr<Admission> admission_;
  LatencyModel latency_;
  BatchQueue queue_;
  std::size_t instances_;
  std::vector<Run> runs_;
  std::uint64_t next_run_ = 0;
  base::TimePoint trial_from_{};  // a free instance may take one against the forecast from then on
  bool contended_ = false;
  std::int64_t size_ = 1;  // b
  base::TimePoint now_{};  // of the call under way

  base::TimePoint ready_ = base::TimePoint::max();  // since when a free instance could take what waits
  base::TimePoint waited_until_{};                  // for company, at the last
  double gap_ = 0;                                  // nanoseconds from there to the batch, on the average
  std::uint64_t batches_ = 0;
  std::uint64_t explore_at_ = 0;
  std::uint64_t explore_every_ = 0;
  std::int64_t explored_size_ = 0;
  bool explore_up_ = false;
  LoneRuns lone_runs_;

  // Since the last tick.
  base::TimePoint counted_from_{};
  std::uint64_t arrivals_ = 0;
  std::uint64_t counted_early_ = 0;
  double busy_time_ = 0;                 // nanoseconds, of all instances
  std::map<std::uint64_t, Flow> flows_;  // by level; empty without levels

  // For other threads.
  std::atomic<base::TimePoint::rep> free_at_{0};    // when a newcomer's run would begin
  std::atomic<base::Duration::rep> needs_{0};       // from there to its answer, on the safe side
  std::atomic<base::Duration::rep> least_{0};       // what one that ran at once would need, on the average
  std::atomic<base::Duration::rep> budget_{0};      // 0: nobody is refused unseen
  std::atomic<base::TimePoint::rep> seen_from_{0};  // nor from then on, as a trial is due, unless it is late
                                                    // even by least_
  std::atomic<std::uint64_t> early_refusals_{0};
  std::atomic<double> arrivals_per_second_{0};
  std::atomic<double> busy_{0};
  std::atomic<std::size_t> reported_instances_{0};
  std::atomic<std::int64_t> reported_size_{1};
  Figure waiting_, running_, refused_full_, refused_late_, refused_urgent_, evicted_, dropped_late_,
      dropped_cancelled_;
};

}  // namespace saccade::schedule
