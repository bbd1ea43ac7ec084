// Watches how models do: takes samples of what they are asked and answer, and feedback, and shows gauges.
//
//   if (ModelQuality* sampled = monitor.sample(signature, inputs, now)) … later …
//   sampled->add_answer(response)
//
// Each thread takes about one sample of a model every `interval`, so that it costs the same at any load;
// between two samples a request pays a look into a table of its thread's own. A reference begins with the
// first samples after a version was loaded.
//
// Safe from any thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "observe/metrics.h"
#include "quality/calibration.h"
#include "quality/model_quality.h"

namespace saccade::quality {

struct MonitorOptions {
  std::chrono::microseconds interval{5'000};
  WindowSizes windows;
};

class Monitor {
 public:
  Monitor(observe::Registry& registry, MonitorOptions options);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Takes the inputs where a sample is due, and says where the answer goes; otherwise null.
  std::shared_ptr<ModelQuality> sample(const std::shared_ptr<const request::ModelSignature>& signature,
                                       const std::vector<tensor::Tensor>& inputs, base::TimePoint now);
  // What became known of predictions of this version.
  void add_feedback(const std::string& model, const std::string& version, const std::vector<Judged>& judged);

 private:
  struct State;
  std::shared_ptr<ModelQuality> watch(const std::shared_ptr<const request::ModelSignature>& signature);
  void show(const ModelQuality& model);
  void show_feedback(const std::string& model, const std::string& version);

  observe::Registry& registry_;
  const MonitorOptions options_;
  const std::uint64_t number_;          // of this monitor, for the threads' tables
  const std::shared_ptr<State> state_;  // the gauges look at it while it lives
};

}  // namespace saccade::quality
