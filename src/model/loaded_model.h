// A model version ready to answer: its signature, its sessions and its scheduler.
//
// load() blocks for as long as opening, trying out and warming up the model takes: not for event loops. After
// that submit() is safe from every event loop. The destructor waits for what runs; share() makes an owner
// that may be let go of on an event loop nevertheless.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/completion.h"
#include "observe/metrics.h"
#include "request/model_statistics.h"
#include "runtime/disposal.h"
#include "runtime/event_loop.h"
#include "schedule/scheduler.h"

namespace inference {
class ModelConfig;
}

namespace saccade::model {

struct LoadOptions {
  BatchDefaults batching;
  std::size_t processors = 1;  // that all instances together may use
  std::size_t loops = 1;
  // Models with a run shorter than this run on the event loops.
  base::Duration loop_run_limit = std::chrono::microseconds(150);
  std::shared_ptr<runtime::Disposal> disposal;  // null: what ends does so where it is let go of
};

class LoadedModel {
 public:
  static base::Result<std::unique_ptr<LoadedModel>> load(const ModelSource& source, engine::Engine& engine,
                                                         observe::Registry& registry,
                                                         const LoadOptions& options);
  ~LoadedModel();

  const std::shared_ptr<const request::ModelSignature>& signature() const { return completed_.signature; }
  const std::vector<std::string>& warnings() const { return completed_.warnings; }
  base::Duration run_time() const { return completed_.probed.run_time; }
  std::string describe_schedule() const { return scheduler_->describe(); }
  const schedule::BatchPolicy& policy() const { return completed_.policy; }
  // The configuration, completed from the model, as the protocol shows it. Never changes.
  const inference::ModelConfig& config() const { return *config_; }
  // What this copy has done since it was loaded.
  request::ModelStatistics statistics() const;

  // The inputs are shaped as the signature says.
  void submit(schedule::Job job);

  // Called once when the last request has been answered after the model was let go of, from any thread; it
  // must be quick. To be set before the model is shown to others.
  void on_end(std::move_only_function<void()> ended) { *ended_ = std::move(ended); }

 private:
  using Ended = std::move_only_function<void()>;
  LoadedModel(CompletedModel completed, schedule::MetricsPointer metrics, std::shared_ptr<Ended> ended);

  CompletedModel completed_;
  std::shared_ptr<Ended> ended_;      // called by the end of metrics_
  schedule::MetricsPointer metrics_;  // shared with the scheduler's lanes, which may outlive it
  std::unique_ptr<const inference::ModelConfig> config_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
};

}  // namespace saccade::model
