#include "schedule/lone_runs.h"

#include <algorithm>

namespace saccade::schedule {
namespace {

constexpr std::uint64_t kRuns = 16;  // over which means go, and before which nothing is known
constexpr double kPays = 0.95;       // of the usual time, that a run may take
constexpr double kGain = 1.0 / 16;
// Requests between two that run the other way: seldom where that is the longer one, often where it may have
// become the shorter one.
constexpr std::uint64_t kTriesOfUsual = 256;
constexpr std::uint64_t kTriesOfLone = 16;

}  // namespace

void LoneRuns::Kind::learn(double one) {
  runs = std::min(runs + 1, kRuns);
  share += (one - share) / static_cast<double>(runs);
}

bool LoneRuns::pay() {
  if (stayed_.runs + joined_.runs < kRuns) return true;
  const bool pays = share() < kPays;
  return ++asked_ % (pays ? kTriesOfUsual : kTriesOfLone) == 0 ? !pays : pays;
}

void LoneRuns::note(bool joined) {
  joined_share_ += kGain * ((joined ? 1.0 : 0.0) - joined_share_);
}

void LoneRuns::learn(bool joined, double share) {
  (joined ? joined_ : stayed_).learn(share);
}

// Where one kind has not been seen yet, the other speaks for it.
double LoneRuns::share() const {
  if (stayed_.runs == 0) return joined_.share;
  if (joined_.runs == 0) return stayed_.share;
  return (1 - joined_share_) * stayed_.share + joined_share_ * joined_.share;
}

}  // namespace saccade::schedule
