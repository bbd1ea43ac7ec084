#include "model/profile.h"

#include <algorithm>

namespace saccade::model {
namespace {

constexpr base::Duration kLongest = std::chrono::milliseconds(500);
constexpr double kGain = 0.97;  // of the best time per item: a larger size has to be below
constexpr int kInVain = 2;      // sizes without a gain after which larger ones aren't tried

using Runs = std::vector<schedule::MeasuredRun>;

Runs known(const OpenedModel& opened, std::size_t instances) {
  Runs runs;
  for (const CandidateFigures& figures : opened.figures) {
    if (!figures.measured || figures.candidate.engine != opened.engine->name() ||
        figures.candidate.threads != opened.options.threads) {
      continue;
    }
    for (const CandidateFigures::Size& size : figures.sizes) {
      if (size.per_second > 0) runs.push_back({size.items, size.run(instances)});
    }
  }
  return runs;
}

}  // namespace

Runs profile(engine::Session& session, const OpenedModel& opened, std::size_t instances) {
  const ProbeResult& probed = opened.completed.probed;
  if (!probed.ran || probed.run_time.count() == 0) return {};
  const std::int64_t most = probed.in_rows ? opened.completed.policy.max_batch_size : 1;
  if (Runs runs = known(opened, instances); runs.size() > 1) return runs;
  Runs runs{{1, probed.run_time}};
  const base::TimePoint end = base::now() + kLongest;
  auto best = static_cast<double>(probed.run_time.count());
  int in_vain = 0;
  for (std::int64_t items = 2; items <= most && in_vain < kInVain; items *= 2) {
    // It is run three times at least.
    if (base::now() + runs.back().time * 6 > end) break;
    const auto samples = make_samples(session.facts(), probed, probed.free_size, items);
    const base::Duration time = measure_run(session, samples);
    if (time.count() == 0) break;
    runs.push_back({items, time});
    const double each = static_cast<double>(time.count()) / static_cast<double>(items);
    in_vain = each > kGain * best ? in_vain + 1 : 0;
    best = std::min(best, each);
  }
  return runs;
}

}  // namespace saccade::model
