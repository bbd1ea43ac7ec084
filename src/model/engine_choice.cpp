#include "model/engine_choice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace saccade::model {
namespace {

// Throughputs this close are one: the next measurement may order them otherwise.
constexpr double kSame = 0.97;
// Of the throughput with more threads in all runs, where a lone request may have them without that.
constexpr double kSplitCounts = 0.9;
// What a lone run with more threads may take of one with fewer, to be worth a session of its own.
constexpr double kClearlyShorter = 0.9;
// How often a run has to fit into the objective.
constexpr int kRunsWithin = 2;

std::string rounded(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string time_text(base::Duration time) {
  const auto micros = static_cast<double>(time.count()) / 1e3;
  if (micros < 100) return rounded("%.1f µs", micros);
  return micros < 1e4 ? rounded("%.2f ms", micros / 1e3) : rounded("%.1f ms", micros / 1e3);
}

std::string rate_text(double per_second) {
  return rounded(per_second < 100 ? "%.1f/s" : "%.0f/s", per_second);
}

std::size_t shortest_alone(std::span<const CandidateFigures> figures) {
  std::size_t best = figures.size();
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (!figures[i].measured) continue;
    if (best == figures.size() || figures[i].alone < figures[best].alone) best = i;
  }
  return best == figures.size() ? 0 : best;
}

// Whether the same engine was measured with fewer threads, too.
bool is_split(std::span<const CandidateFigures> figures, const EngineCandidate& candidate) {
  return std::ranges::any_of(figures, [&](const CandidateFigures& one) {
    return one.measured && one.candidate.engine == candidate.engine &&
           one.candidate.threads < candidate.threads;
  });
}

// Of the largest size that fits, between `from`, which does, and `to`, which doesn't.
double throughput_between(const CandidateFigures::Size& from, const CandidateFigures::Size& to,
                          std::size_t instances, base::Duration longest) {
  const auto shorter = static_cast<double>(from.run(instances).count());
  const auto longer = static_cast<double>(to.run(instances).count());
  const double each = (longer - shorter) / static_cast<double>(to.items - from.items);
  const double more = std::floor((static_cast<double>(longest.count()) - shorter) / each);
  const double run = shorter + each * more;
  return static_cast<double>(instances) * (static_cast<double>(from.items) + more) * 1e9 / run;
}

// The highest throughput among sizes whose run fits; 0 where none does.
double throughput(const CandidateFigures& figures, const request::Objective& objective) {
  const std::size_t instances = figures.candidate.instances;
  const base::Duration longest = objective.stated() ? objective.latency / kRunsWithin : base::Duration::max();
  double most = 0;
  const CandidateFigures::Size* before = nullptr;
  for (const CandidateFigures::Size& size : figures.sizes) {
    if (size.run(instances) > longest) {
      if (before != nullptr) most = std::max(most, throughput_between(*before, size, instances, longest));
      break;
    }
    most = std::max(most, size.per_second);
    before = &size;
  }
  return most;
}

}  // namespace

std::string to_text(const EngineCandidate& candidate) {
  return candidate.engine + "/" + std::to_string(candidate.threads) +
         (candidate.threads == 1 ? " thread" : " threads");
}

base::Duration CandidateFigures::Size::run(std::size_t instances) const {
  if (per_second <= 0) return base::Duration::max();
  return base::Duration(static_cast<base::Duration::rep>(static_cast<double>(instances) *
                                                         static_cast<double>(items) / per_second * 1e9));
}

std::size_t choose(std::span<const CandidateFigures> figures, const request::Objective& objective,
                   bool lone_sessions) {
  // What a candidate counts for; 0: not at all.
  const auto worth = [&](const CandidateFigures& one) {
    if (!one.measured) return 0.0;
    return throughput(one, objective) *
           (lone_sessions && is_split(figures, one.candidate) ? kSplitCounts : 1);
  };
  double most = 0;
  for (const CandidateFigures& one : figures) most = std::max(most, worth(one));
  if (most == 0) return shortest_alone(figures);
  std::size_t best = figures.size();
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (worth(figures[i]) < most * kSame) continue;
    const auto better = [&](const CandidateFigures& mine, const CandidateFigures& other) {
      if (lone_sessions) return mine.sizes.front().per_second > other.sizes.front().per_second;
      return mine.alone < other.alone;
    };
    if (best == figures.size() || better(figures[i], figures[best])) best = i;
  }
  return best;
}

int lone_threads(std::span<const CandidateFigures> figures, std::size_t chosen, bool doubtful) {
  const CandidateFigures& usual = figures[chosen];
  int threads = usual.candidate.threads;
  if (!usual.measured) return threads;
  auto shortest = static_cast<double>(usual.alone.count()) * kClearlyShorter;
  for (const CandidateFigures& one : figures) {
    if (!one.measured || one.candidate.engine != usual.candidate.engine) continue;
    if (one.candidate.threads <= usual.candidate.threads) continue;
    if (doubtful) {
      threads = std::max(threads, one.candidate.threads);
      continue;
    }
    if (static_cast<double>(one.alone.count()) >= shortest) continue;
    threads = one.candidate.threads;
    shortest = static_cast<double>(one.alone.count());
  }
  return threads;
}

std::string to_text(const CandidateFigures& figures) {
  std::string text = time_text(figures.alone) + " alone";
  for (const CandidateFigures::Size& size : figures.sizes) {
    text += ", " + rate_text(size.per_second);
    if (size.items > 1) text += " in batches of " + std::to_string(size.items);
  }
  return text;
}

}  // namespace saccade::model
