// What is counted of one model version. Safe from any thread.
//
// The counters belong to the registry and go on counting when the version is loaded anew; the statistics
// begin at zero with each loaded copy. Triton's own metrics (nv_…) are read from both.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "observe/metrics.h"
#include "schedule/statistics.h"

namespace saccade::schedule {

// The objective and what became of it lately, over all lanes; 0 and 1 without one. Read by scrapes, also
// after the copy of the model that wrote it has gone.
struct KeptShare {
  std::atomic<double> objective_seconds{0};
  std::atomic<double> share{1};

  // Of so many answers this share was late. Two at once may lose one's word.
  void note(double late_share, std::size_t answers);
};

struct ModelMetrics {
  ModelMetrics(observe::Registry& registry, const std::string& name, const std::string& version);

  const std::string model;  // its name

  observe::Counter& succeeded;  // requests
  observe::Counter& refused;    // the request was at fault
  observe::Counter& failed;     // the model, or the server, was
  observe::Counter& rejected;   // not let in: the queue is full
  observe::Counter& timed_out;  // waited longer than the queue's policy or the caller allows
  observe::Counter& cancelled;  // the caller had gone
  observe::Counter& items;      // predictions made
  observe::Counter& runs;
  observe::Gauge& pending;         // requests that wait or run
  observe::Histogram& queue_time;  // from the scheduler's door into a batch
  observe::Histogram& batch_time;  // joining the members' inputs
  observe::Histogram& run_time;    // in the model
  observe::Histogram& batch_size;  // items in a run

  // Not let in, by reason; all of them count in `rejected` as well.
  observe::Counter& refused_for_room;
  observe::Counter& refused_too_late;
  observe::Counter& refused_for_urgent;
  // Let in and answered without a run, by reason.
  observe::Counter& dropped_cancelled;
  observe::Counter& dropped_timeout;   // the queue's policy
  observe::Counter& dropped_deadline;  // its own had passed
  observe::Counter& dropped_too_late;  // the limit could not be kept any more
  observe::Counter& dropped_urgent;    // more urgent ones needed the place
  // Of requests with a limit: an objective or a deadline.
  observe::Counter& late;                // answered after it
  observe::Histogram& predicted_time;    // from the arrival to the answer, as predicted at the door
  observe::Histogram& answer_time;       // and as it was
  observe::Histogram& prediction_error;  // how much later than predicted; 0: sooner
  observe::Histogram& batch_wait;        // of a free instance for a fuller batch

  // Of models that run in the pool.
  observe::Gauge& instances;                 // that are there now
  observe::Histogram& place_wait;            // for a place, since a run was due
  observe::Counter& lone_runs;               // of a request alone, with more threads
  std::atomic<std::uint64_t> place_time{0};  // that its runs have had, in nanoseconds

  const std::shared_ptr<KeptShare> kept = std::make_shared<KeptShare>();

  Statistics statistics;

  // A request that got no outputs, in the statistics. `arrived` may be not said.
  void count_failed(base::TimePoint arrived, base::TimePoint queued) {
    statistics.failed(base::now() - (arrived == base::TimePoint{} ? queued : arrived));
  }

 private:
  ModelMetrics(observe::Registry& registry, const std::string& name, const observe::Labels& labels);
  void add_triton_metrics(observe::Registry& registry, const observe::Labels& labels);

  std::vector<observe::CounterSource> sources_;  // read figures above; end before them
};

}  // namespace saccade::schedule
