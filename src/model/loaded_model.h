// A model version ready to answer: its signature, its sessions and its scheduler.
//
// load() blocks for as long as opening and trying out the model takes: not for event loops. After that
// submit() is safe from every event loop. The destructor waits for what runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/completion.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"
#include "schedule/scheduler.h"

namespace saccade::model {

struct LoadOptions {
  BatchDefaults batching;
  std::size_t processors = 1;  // that all instances together may use
  std::size_t loops = 1;
  // Models with a run shorter than this run on the event loops.
  base::Duration loop_run_limit = std::chrono::microseconds(150);
};

class LoadedModel {
 public:
  static base::Result<std::unique_ptr<LoadedModel>> load(const ModelSource& source, engine::Engine& engine,
                                                         observe::Registry& registry,
                                                         const LoadOptions& options);

  const std::shared_ptr<const request::ModelSignature>& signature() const { return completed_.signature; }
  const std::vector<std::string>& warnings() const { return completed_.warnings; }
  base::Duration run_time() const { return completed_.probed.run_time; }
  std::string describe_schedule() const { return scheduler_->describe(); }
  const schedule::BatchPolicy& policy() const { return completed_.policy; }

  // The inputs are shaped as the signature says.
  void submit(schedule::Job job);

 private:
  LoadedModel(CompletedModel completed, std::unique_ptr<schedule::ModelMetrics> metrics)
      : completed_(std::move(completed)), metrics_(std::move(metrics)) {}

  CompletedModel completed_;
  std::unique_ptr<schedule::ModelMetrics> metrics_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
};

}  // namespace saccade::model
