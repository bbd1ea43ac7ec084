// Candidates as they really run: with sessions, on threads, by the clock. Blocks; not for event loops.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "model/engine_trial.h"
#include "model/probe.h"

namespace saccade::model {

// What free dimensions are to be set to where a model is measured: a picture's size, a sentence's length, or
// less where a run with that fails or takes long.
std::int64_t size_to_measure(engine::Session& session, const ProbeResult& probed);

class SessionGround final : public TrialGround {
 public:
  using Sessions = std::vector<std::unique_ptr<engine::Session>>;

  // The sessions of each candidate, one for each of its instances. `free_size`: for free dimensions.
  SessionGround(std::vector<Sessions> candidates, const ProbeResult& probed, std::int64_t free_size);

  base::TimePoint now() override { return base::now(); }
  std::optional<base::Duration> run_alone(std::size_t candidate, base::Duration slice) override;
  std::optional<double> run_beside(std::size_t candidate, std::int64_t items, base::Duration slice) override;

  // Which share of their time runs had a processor, where one thread does all of a run; below 1 somebody else
  // had it meanwhile. 1 where that isn't known.
  double processor_share() const;
  // The first session of a candidate, for good.
  std::unique_ptr<engine::Session> take(std::size_t candidate) {
    return std::move(candidates_[candidate].front());
  }

 private:
  const std::vector<tensor::Tensor>& inputs(std::int64_t items);
  // Each shape's first run makes room for it, and counts for nothing.
  bool warm_up(std::size_t candidate, std::int64_t items);
  // For the processor share, where one thread does all of a run.
  void count(const engine::Session& session, base::Duration ran, base::Duration had_processor);

  std::vector<Sessions> candidates_;
  const ProbeResult& probed_;
  const std::int64_t free_size_;
  std::map<std::int64_t, std::vector<tensor::Tensor>> inputs_;  // by the number of items
  std::map<std::pair<std::size_t, std::int64_t>, bool> warm_;
  // Of runs on one thread, alone and side by side.
  base::Duration ran_{0};
  base::Duration had_processor_{0};
};

}  // namespace saccade::model
