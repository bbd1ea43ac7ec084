// The order in which candidates are measured, until it is known which is best or the time is over.
//
// Every candidate is measured again and again in turn, a short while each, so that whatever else the machine
// does meanwhile hits all alike; what counts of a figure is the best quarter of its turns, as a machine that
// has other things to do makes a turn worse and never better. On a quiet machine, where turns are alike, a
// few of them are enough; on a busy one they go on for the whole budget. Each candidate is run alone with one
// item, and all its instances side by side at a few batch sizes. A larger size that does no more per second
// than the size before is not tried again, and a candidate that is slower than another both alone and side by
// side, by so much that noise can't explain it, is given up.
//
// It knows nothing of engines and clocks, so that a test can make up both.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "model/engine_choice.h"

namespace saccade::model {

// What runs candidates and knows the time.
class TrialGround {
 public:
  virtual ~TrialGround() = default;
  virtual base::TimePoint now() = 0;
  // One item, nothing beside it, for about `slice`, once at least: the time of one run. Nothing: it failed.
  virtual std::optional<base::Duration> run_alone(std::size_t candidate, base::Duration slice) = 0;
  // All instances for about `slice`, each once at least: items per second of all together.
  virtual std::optional<double> run_beside(std::size_t candidate, std::int64_t items,
                                           base::Duration slice) = 0;
};

struct TrialLimits {
  base::Duration budget =
      std::chrono::seconds(2);  // at most three of them, where nobody would have a turn otherwise
  int rounds = 32;
  std::vector<std::int64_t> sizes{1};  // ascending, from 1; items in a run
};

// Figures for each candidate, in their order. Not empty `candidates`.
std::vector<CandidateFigures> measure(std::span<const EngineCandidate> candidates, const TrialLimits& limits,
                                      TrialGround& ground);

}  // namespace saccade::model
