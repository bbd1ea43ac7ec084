// Which engine runs a model, and with how many threads in one run: what was measured of each candidate, and
// the rule that picks one. How it is measured is engine_trial.h's.
//
// The rule. Without an objective: the highest throughput, all instances side by side, at the batch size that
// is best for the candidate; of those within 3 % of it, which nobody can tell apart, the one whose lone run
// is shortest. Where a request that has the machine to itself may have threads of its own (below), its run
// says nothing for more threads in all runs: they are taken where they do a tenth more, and of those that
// nobody can tell apart the one that does the most single items. With an objective: the same, among batch
// sizes whose run fits twice into it, as a request that just missed a run waits for that one and is in the
// next; between two sizes that were measured a run's time is close to a straight line in its items. Where no
// size of any candidate fits, the shortest lone run.
//
// So threads within a run, which cost throughput as a rule, are taken for all runs where an objective needs
// them or where they pay under load, and not for the sake of an idle machine: under load they would be paid
// for by everybody. A request that has the machine to itself is another matter: for it a second number of
// threads is chosen, if that makes its run clearly shorter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "request/objective.h"

namespace saccade::model {

struct EngineCandidate {
  std::string engine;         // its name
  int threads = 1;            // inside one run
  std::size_t instances = 1;  // runs side by side; instances × threads are not more than the processors

  bool operator==(const EngineCandidate&) const = default;
};

// "onnxruntime/2 threads"
std::string to_text(const EngineCandidate& candidate);

struct CandidateFigures {
  struct Size {
    std::int64_t items = 1;
    double per_second = 0;  // items, all instances together

    // One run, while the other instances run too.
    base::Duration run(std::size_t instances) const;
  };

  EngineCandidate candidate;
  base::Duration alone{0};  // a run of one item while nothing else runs
  std::vector<Size> sizes;  // ascending; the first is one item
  double noise = 0;         // by which share a usual turn was worse than a good one, at the best size
  bool measured = false;    // false: it failed, or the time was over before its turn
  bool given_up = false;    // early, as it was clearly slower than another
};

// The index of the one to take. 0 where none was measured; `figures` is not empty. `lone_sessions`: a request
// that has the machine to itself may have more threads than others.
std::size_t choose(std::span<const CandidateFigures> figures, const request::Objective& objective,
                   bool lone_sessions);

// With how many threads the `chosen` engine runs a request that nothing else runs beside: those of its
// shortest lone run, or the chosen ones where that is not shorter by a tenth. `doubtful`: the machine was
// busy, so that lone runs say little; then the most there are, as the scheduler finds out whether they pay.
int lone_threads(std::span<const CandidateFigures> figures, std::size_t chosen, bool doubtful);

// "41 µs alone, 60210/s, 74880/s in batches of 8"
std::string to_text(const CandidateFigures& figures);

}  // namespace saccade::model
