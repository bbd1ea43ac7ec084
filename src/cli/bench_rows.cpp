#include "cli/bench_rows.h"

#include <algorithm>
#include <cmath>
#include <latch>
#include <thread>

namespace saccade::cli {
namespace {

struct Turn {
  std::vector<base::Duration> times;
  double runs_per_second = 0;
  base::Status status;
};

void run_for(engine::Session& session, const std::vector<tensor::TensorView>& views, base::Duration slice,
             Turn& turn) {
  const base::TimePoint start = base::now();
  base::TimePoint before = start;
  do {
    if (auto ran = session.run(views); !ran) {
      turn.status = std::unexpected(std::move(ran.error()));
      return;
    }
    const base::TimePoint after = base::now();
    turn.times.push_back(after - before);
    before = after;
  } while (before - start < slice);
  turn.runs_per_second = static_cast<double>(turn.times.size()) / base::seconds(before - start);
}

}  // namespace

base::Status BenchRow::take_turn(base::Duration slice) {
  const std::vector<tensor::TensorView> views = tensor::views_of(inputs);
  const std::size_t count = rig->sessions.size();
  std::vector<Turn> turns(count);
  std::latch together(static_cast<std::ptrdiff_t>(count));
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        engine::Session& session = *rig->sessions[i];
        if (per_second.empty()) {
          if (auto ran = session.run(views); !ran) turns[i].status = std::unexpected(std::move(ran.error()));
        }
        together.arrive_and_wait();
        if (turns[i].status) run_for(session, views, slice, turns[i]);
      });
    }
  }
  double sum = 0;
  for (Turn& turn : turns) {
    if (!turn.status) return turn.status;
    times.insert(times.end(), turn.times.begin(), turn.times.end());
    sum += turn.runs_per_second * static_cast<double>(batch);
  }
  per_second.push_back(sum);
  return {};
}

double BenchRow::milliseconds(double percentile) const {
  std::vector<base::Duration> sorted = times;
  const auto place =
      static_cast<std::ptrdiff_t>(std::ceil(percentile * static_cast<double>(sorted.size()))) - 1;
  const auto at = sorted.begin() + std::max<std::ptrdiff_t>(place, 0);
  std::ranges::nth_element(sorted, at);
  return static_cast<double>(at->count()) / 1e6;
}

double BenchRow::throughput() const {
  std::vector<double> sorted = per_second;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

double BenchRow::cost_per_million(double price_per_core_hour) const {
  const auto cores = static_cast<double>(rig->sessions.size()) * rig->threads;
  return 1e6 / throughput() * cores * price_per_core_hour / 3600.0;
}

}  // namespace saccade::cli
