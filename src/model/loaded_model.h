// A model version ready to answer: its signature, its sessions and its scheduler.
//
// load() blocks for as long as opening, trying out and warming up the model takes: not for event loops. After
// that submit() is safe from every event loop. The destructor waits for what runs; share() makes an owner
// that may be let go of on an event loop nevertheless.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/key.h"
#include "engine/engine_set.h"
#include "model/completion.h"
#include "model/load_options.h"
#include "observe/metrics.h"
#include "request/model_statistics.h"
#include "resilience/breaker_metrics.h"
#include "resilience/call_guard.h"
#include "runtime/disposal.h"
#include "runtime/event_loop.h"
#include "schedule/scheduler.h"

namespace inference {
class ModelConfig;
}

namespace saccade::model {

class LoadedModel {
 public:
  static base::Result<std::unique_ptr<LoadedModel>> load(const ModelSource& source,
                                                         const engine::EngineSet& engines,
                                                         observe::Registry& registry,
                                                         const LoadOptions& options);
  ~LoadedModel();

  const std::shared_ptr<const request::ModelSignature>& signature() const { return completed_.signature; }
  const std::vector<std::string>& warnings() const { return completed_.warnings; }
  base::Duration run_time() const { return completed_.probed.run_time; }
  std::string describe_schedule() const { return scheduler_->describe(); }
  schedule::ScheduleReport schedule_report() const { return scheduler_->report(); }
  const schedule::BatchPolicy& policy() const { return completed_.policy; }
  // The configuration, completed from the model, as the protocol shows it. Never changes.
  const inference::ModelConfig& config() const { return *config_; }
  // What runs it.
  struct Engine {
    std::string name;
    std::string version;
    int threads = 1;     // inside one run
    std::string device;  // "cpu", "cuda", "tensorrt"
  };
  const Engine& engine() const { return engine_; }
  // What this copy has done since it was loaded.
  request::ModelStatistics statistics() const;

  // On `loop`, before a request is decoded that came at `arrived`: the answer if it would be refused anyway.
  std::optional<base::Error> would_refuse(runtime::EventLoop& loop, base::TimePoint arrived) {
    if (cache_identity_) return {};  // the answer may be there
    return scheduler_->would_refuse(loop, arrived);
  }
  // The inputs are shaped as the signature says.
  void submit(schedule::Job job);

  // The circuit breaker round its runs; null: it has none.
  const std::shared_ptr<resilience::CallGuard>& guard() const { return guard_; }

  // What this copy's answers are cached by; null: they are not.
  const cache::ModelIdentity* cache_identity() const { return cache_identity_ ? &*cache_identity_ : nullptr; }
  // What did not come to submit(): an answer from the cache, so long in it; an answer that was not found
  // there; a request that waited for an equal one's run for longer than it had time.
  void count_cache_hit(std::int64_t items, base::TimePoint arrived, base::Duration in_cache);
  void count_cache_miss(base::Duration in_cache) { metrics_->statistics.cache_miss(in_cache); }
  void count_expired(base::TimePoint arrived);

  // Called once when the last request has been answered after the model was let go of, from any thread; it
  // must be quick. To be set before the model is shown to others.
  void on_end(std::move_only_function<void()> ended) { *ended_ = std::move(ended); }

 private:
  using Ended = std::move_only_function<void()>;
  LoadedModel(CompletedModel completed, schedule::MetricsPointer metrics, std::shared_ptr<Ended> ended);

  CompletedModel completed_;
  Engine engine_;
  std::optional<cache::ModelIdentity> cache_identity_;
  std::shared_ptr<Ended> ended_;      // called by the end of metrics_
  schedule::MetricsPointer metrics_;  // shared with the scheduler's lanes, which may outlive it
  std::shared_ptr<resilience::CallGuard> guard_;
  std::optional<resilience::BreakerMetrics>
      guard_metrics_;  // ends before metrics_, with which its labels may be forgotten
  std::unique_ptr<const inference::ModelConfig> config_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
};

}  // namespace saccade::model
