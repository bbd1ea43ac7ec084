#include "model/engine_trial.h"

#include <algorithm>
#include <functional>

namespace saccade::model {
namespace {

using namespace std::chrono_literals;

// A turn: long enough to start the instances and to see several short runs, short enough for many turns.
constexpr base::Duration kShortestTurn = 4ms;
constexpr base::Duration kLongestTurn = 25ms;
constexpr int kRunsInATurn = 20;
// A candidate whose first lone run takes so many times the shortest one's is not worth another look, whatever
// its number of instances does for it.
constexpr double kHopeless = 3;
constexpr int kTurnsToDespair = 2;
// From some turns on: so much more throughput of another, without a longer lone run, is no noise.
constexpr double kClearly = 1.25;
constexpr int kTurnsToJudge = 3;
// From more turns on, so much more than the best turn that the other ever had.
constexpr double kApart = 1.05;
constexpr int kTurnsToTellApart = 6;
// Figures whose usual turn is so near a good one won't change by more turns; there are enough then.
constexpr double kCalm = 0.02;
constexpr int kTurnsToSettle = 5;
// What a larger size must do more per second than the one before to be tried again.
constexpr double kPays = 1.02;
// A single run of a large size may take this part of the budget.
constexpr int kRunsInBudget = 8;
// So that everybody has had a turn, the first round may take so many budgets.
constexpr int kMostBudgets = 3;

// Whatever comes in between makes a run longer and never shorter, so a good turn says more of the candidate
// than a usual one. Not the best one of all: that may have been luck, as where the others stood still.
base::Duration good(std::vector<base::Duration> times) {
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::ranges::nth_element(times, at);
  return *at;
}
double good(std::vector<double> rates) {
  const auto at = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 4);
  std::ranges::nth_element(rates, at, std::greater<>());
  return *at;
}
double median(std::vector<double> rates) {
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::ranges::nth_element(rates, middle, std::greater<>());
  return *middle;
}
double noise_of(const std::vector<double>& rates) {
  return 1 - median(rates) / std::max(good(rates), 1e-9);
}

class Trial {
 public:
  Trial(std::span<const EngineCandidate> candidates, const TrialLimits& limits, TrialGround& ground)
      : limits_(limits), ground_(ground), start_(ground.now()) {
    entrants_.reserve(candidates.size());
    for (const EngineCandidate& candidate : candidates) {
      entrants_.push_back({.candidate = candidate, .alone = {}, .sizes = {}});
      entrants_.back().sizes.resize(limits.sizes.size());
    }
  }

  std::vector<CandidateFigures> run() {
    for (int turn = 0; turn < kTurnsToDespair; ++turn) {
      for (Entrant& entrant : entrants_) {
        if (!entrant.failed && !over(turn == 0 ? kMostBudgets : 1)) run_alone(entrant);
      }
    }
    std::ranges::for_each(entrants_, [](Entrant& entrant) { entrant.out |= entrant.alone.empty(); });
    give_up_hopeless();
    for (int round = 0; round < limits_.rounds && !over(round == 0 ? kMostBudgets : 1); ++round) {
      for (std::size_t i = 0; i < entrants_.size(); ++i) {
        // Another one begins each round, so that none is always behind the same one.
        Entrant& entrant = entrants_[(i + static_cast<std::size_t>(round)) % entrants_.size()];
        if (!entrant.out && !over(round == 0 ? kMostBudgets : 1)) take_turn(entrant, round);
      }
      give_up_clear_losers();
      if ((left() <= 1 && round > 0) || settled()) break;
    }
    std::vector<CandidateFigures> figures;
    figures.reserve(entrants_.size());
    for (const Entrant& entrant : entrants_) figures.push_back(figures_of(entrant));
    return figures;
  }

 private:
  struct Entrant {
    EngineCandidate candidate;
    std::vector<base::Duration> alone;
    struct Size {
      std::vector<double> per_second;
      bool out = false;
    };
    std::vector<Size> sizes;  // as TrialLimits::sizes
    bool out = false;
    bool failed = false;
  };

  bool over(int budgets = 1) const { return ground_.now() - start_ >= limits_.budget * budgets; }

  std::size_t left() const {
    return static_cast<std::size_t>(std::ranges::count(entrants_, false, &Entrant::out));
  }

  static base::Duration turn_for(base::Duration run) {
    return std::clamp<base::Duration>(run * kRunsInATurn, kShortestTurn, kLongestTurn);
  }

  void run_alone(Entrant& entrant) {
    const auto index = static_cast<std::size_t>(&entrant - entrants_.data());
    const base::Duration turn = entrant.alone.empty() ? kShortestTurn : turn_for(good(entrant.alone));
    if (const auto time = ground_.run_alone(index, turn)) {
      entrant.alone.push_back(*time);
    } else {
      entrant.failed = entrant.out = true;
    }
  }

  void take_turn(Entrant& entrant, int round) {
    if (round > 0) run_alone(entrant);
    const auto index = static_cast<std::size_t>(&entrant - entrants_.data());
    for (std::size_t i = 0; i < entrant.sizes.size() && !entrant.out; ++i) {
      Entrant::Size& size = entrant.sizes[i];
      if (size.out) continue;
      const std::int64_t items = limits_.sizes[i];
      const base::Duration expected = expected_run(entrant, i);
      if (i > 0 && expected * kRunsInBudget > limits_.budget) {
        size.out = true;
        continue;
      }
      if (round > 0 && over()) return;
      const auto rate = ground_.run_beside(index, items, turn_for(expected));
      if (!rate) {
        // A model may take one item and not many.
        size.out = true;
        if (i == 0) entrant.failed = entrant.out = true;
        continue;
      }
      size.per_second.push_back(*rate);
      if (i > 0 && !pays(entrant, i)) {
        for (std::size_t larger = i; larger < entrant.sizes.size(); ++larger)
          entrant.sizes[larger].out = true;
      }
    }
  }

  base::Duration expected_run(const Entrant& entrant, std::size_t size) const {
    if (!entrant.sizes[size].per_second.empty()) {
      const CandidateFigures::Size known{limits_.sizes[size], good(entrant.sizes[size].per_second)};
      return known.run(entrant.candidate.instances);
    }
    return good(entrant.alone) * limits_.sizes[size];
  }

  // Whether a size does more than the best of the smaller ones that were measured.
  bool pays(const Entrant& entrant, std::size_t size) const {
    double before = 0;
    for (std::size_t i = 0; i < size; ++i) {
      if (!entrant.sizes[i].per_second.empty()) {
        before = std::max(before, good(entrant.sizes[i].per_second));
      }
    }
    return good(entrant.sizes[size].per_second) > before * kPays;
  }

  // By lone runs alone: even if its instances got in each other's way less than the other's do, it could not
  // catch up.
  void give_up_hopeless() {
    for (Entrant& entrant : entrants_) {
      if (entrant.out) continue;
      entrant.out = std::ranges::any_of(entrants_, [&](const Entrant& other) {
        if (other.out) return false;
        const double slower = static_cast<double>(std::ranges::min(entrant.alone).count()) /
                              static_cast<double>(std::max<std::int64_t>(good(other.alone).count(), 1));
        const double more =
            static_cast<double>(entrant.candidate.instances) / static_cast<double>(other.candidate.instances);
        return slower > kHopeless && slower > kHopeless * more;
      });
    }
  }

  // The best turn: what one that is to be given up gets the benefit of.
  static double most(const Entrant& entrant) {
    double most = 0;
    for (const Entrant::Size& size : entrant.sizes) {
      if (!size.per_second.empty()) most = std::max(most, std::ranges::max(size.per_second));
    }
    return most;
  }

  // The size that does the most; null before the first turn.
  static const Entrant::Size* best_size(const Entrant& entrant) {
    const Entrant::Size* best = nullptr;
    for (const Entrant::Size& size : entrant.sizes) {
      if (size.per_second.empty()) continue;
      if (best == nullptr || good(size.per_second) > good(best->per_second)) best = &size;
    }
    return best;
  }

  // In a usual turn: what one that is to give way to it has to be measured by.
  static double throughput(const Entrant& entrant) {
    double most = 0;
    for (const Entrant::Size& size : entrant.sizes) {
      if (!size.per_second.empty()) most = std::max(most, median(size.per_second));
    }
    return most;
  }

  // Whether the machine was so quiet that further turns would say the same.
  bool settled() const {
    return std::ranges::all_of(entrants_, [](const Entrant& entrant) {
      if (entrant.out) return true;
      const Entrant::Size* best = best_size(entrant);
      return best != nullptr && static_cast<int>(best->per_second.size()) >= kTurnsToSettle &&
             noise_of(best->per_second) <= kCalm;
    });
  }

  void give_up_clear_losers() {
    for (Entrant& entrant : entrants_) {
      const auto turns = static_cast<int>(entrant.sizes[0].per_second.size());
      if (entrant.out || turns < kTurnsToJudge) continue;
      const double by = turns < kTurnsToTellApart ? kClearly : kApart;
      entrant.out = std::ranges::any_of(entrants_, [&](const Entrant& other) {
        return !other.out && throughput(other) > by * most(entrant) &&
               good(other.alone) <= std::ranges::min(entrant.alone);
      });
    }
  }

  CandidateFigures figures_of(const Entrant& entrant) const {
    CandidateFigures figures{.candidate = entrant.candidate, .alone = {}, .sizes = {}};
    if (!entrant.alone.empty()) figures.alone = good(entrant.alone);
    for (std::size_t i = 0; i < entrant.sizes.size(); ++i) {
      if (entrant.sizes[i].per_second.empty()) continue;
      figures.sizes.push_back({limits_.sizes[i], good(entrant.sizes[i].per_second)});
    }
    if (const Entrant::Size* best = best_size(entrant)) figures.noise = noise_of(best->per_second);
    figures.measured = !entrant.failed && !figures.sizes.empty();
    figures.given_up = entrant.out && !entrant.failed;
    return figures;
  }

  const TrialLimits& limits_;
  TrialGround& ground_;
  const base::TimePoint start_;
  std::vector<Entrant> entrants_;
};

}  // namespace

std::vector<CandidateFigures> measure(std::span<const EngineCandidate> candidates, const TrialLimits& limits,
                                      TrialGround& ground) {
  return Trial(candidates, limits, ground).run();
}

}  // namespace saccade::model
