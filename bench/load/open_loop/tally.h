// What became of every request, as a whole, by phase and in steps of time. All times of a request count from
// when it was due, not from when it could be sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "answers.h"
#include "arrivals.h"
#include "histogram.h"
#include "options.h"

namespace open_loop {

struct Count {
  std::uint64_t offered = 0;
  std::uint64_t in_time = 0;  // a prediction within the objective
  std::uint64_t late = 0;     // a prediction after it
  std::uint64_t refused = 0;
  std::uint64_t expired = 0;
  std::uint64_t wrong = 0;       // other errors
  std::uint64_t broken = 0;      // the connection ended first
  std::uint64_t unanswered = 0;  // nothing by the end of the generator's patience
  std::uint64_t unsent = 0;      // of those: no connection was free all the time
  // Predictions, and what was never answered, with the time that was waited for it.
  Histogram accepted;
  Histogram refusals;  // refused and expired
};

class Tally {
 public:
  // `first`: of the requests that count; those before are the warm-up.
  Tally(const Options& options, const Arrivals& arrivals, std::size_t first);

  void sent(std::size_t request, std::int64_t late_ns, bool held);
  void answered(std::size_t request, std::int64_t latency_ns, const Answer& answer);
  void broken(std::size_t request, const std::string& why);
  void unanswered(std::size_t request, std::int64_t waited_ns, bool sent);
  void opened() { ++connections_; }

  // One object; `cpu_seconds` of `wall_seconds` were this program's.
  std::string json(double cpu_seconds, double wall_seconds) const;

  const Count& total() const { return total_; }
  const Histogram& lateness() const { return lateness_; }
  std::uint64_t held() const { return held_.count(); }

 private:
  template <class Change>
  void count(std::size_t request, Change change);
  void complain(const std::string& why);

  const Options& options_;
  const Arrivals& arrivals_;
  const std::size_t first_;
  const std::int64_t objective_ns_;
  const std::int64_t begin_ns_;
  Count total_;
  std::vector<Count> phases_;
  std::vector<Count> steps_;
  Histogram lateness_;  // sent after they were due although a connection was free: the generator's own
  Histogram held_;      // the same where none was free
  std::uint64_t connections_ = 0;
  std::uint64_t sent_ = 0;  // with the warm-up's
  std::string first_error_;
};

}  // namespace open_loop
