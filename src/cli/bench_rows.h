// One way to run a model, measured turn by turn: sessions of one engine, so many threads each, side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "tensor/tensor.h"

namespace saccade::cli {

struct Rig {
  std::string engine;
  int threads = 1;
  std::vector<std::unique_ptr<engine::Session>> sessions;  // one for each instance
};

// A batch size of a rig, and what was seen of it.
struct BenchRow {
  Rig* rig = nullptr;
  std::int64_t batch = 1;
  std::vector<tensor::Tensor> inputs;

  std::vector<base::Duration> times;  // of single runs, all instances'
  std::vector<double> per_second;     // predictions, one figure for each turn

  // Runs all instances for about `slice`, each once at least. The first turn is preceded by a run that counts
  // for nothing.
  base::Status take_turn(base::Duration slice);

  double milliseconds(double percentile) const;
  double throughput() const;  // the median of the turns
  double cost_per_million(double price_per_core_hour) const;
};

}  // namespace saccade::cli
