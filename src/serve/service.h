// The one door that the transports know: which models there are, a prediction by one of them, its place in
// the log.
//
// Safe from every event loop. infer() never blocks; find_prediction() and list_predictions() answer from a
// worker thread's database call, on the caller's loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "limit/limiter.h"
#include "model/catalog.h"
#include "model/index.h"
#include "model/live_repository.h"
#include "observe/metrics.h"
#include "quality/monitor.h"
#include "record/prediction_log.h"
#include "record/tracer.h"
#include "request/inference_request.h"
#include "request/model_statistics.h"
#include "runtime/event_loop.h"
#include "runtime/worker_pool.h"
#include "schedule/job.h"
#include "serve/cached_infer.h"
#include "serve/load_limits.h"
#include "shared_memory/regions.h"

namespace saccade::serve {

// Which answers wait for the prediction log, unless a request says otherwise.
enum class LogMode : std::uint8_t {
  kDrop,     // none; rows that find the queue full are lost and counted
  kBlock,    // those that find the queue full
  kDurable,  // all, until the row is in the database
};

class Service {
 public:
  using ModelPointer = model::Catalog::ModelPointer;

  // `log` may be null: nothing is recorded.
  Service(observe::Registry& registry, std::unique_ptr<record::PredictionLog> log, LogMode log_mode,
          bool log_inputs);
  ~Service();

  model::Catalog& catalog() { return catalog_; }
  observe::Registry& registry() { return registry_; }

  // Whether new requests are welcome. Loading: not yet; draining: no more. With strict readiness also not
  // while a model of the start is missing.
  void set_ready(bool ready) { ready_.store(ready); }
  bool ready() const;

  // Asks the model. `done` is called once, on `loop`, from where this is called.
  void infer(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done);

  // Before there are models. `redis` may be null, otherwise it must outlive the loops' work.
  void set_cache(const cache::Settings& settings, redis::Client* redis);

  // Counts predictions that no rate limit has counted when they entered. Must outlive the requests.
  void set_limiter(limit::Limiter* limiter) { limiter_ = limiter; }
  // Before there are requests.
  void set_load_limits(const LoadSettings& settings) { load_limits_.emplace(settings, registry_); }

  bool logs() const { return log_ != nullptr; }
  bool logs_inputs() const { return log_ != nullptr && log_inputs_; }
  // Puts an answered prediction into the log. `ready` says that the answer may leave, and is called exactly
  // once, on `loop`: at once, or when the row is where `asked` wants it (absent: as the log's mode says), or
  // with the error that kept the row from getting there. Without a log it is called at once.
  void record(record::Prediction prediction, std::optional<record::Wait> asked, runtime::EventLoop& loop,
              record::PredictionLog::Done ready);

  // Keeps what became known of a prediction, and judges it. `kept` is called once, on `loop`.
  using Kept = std::move_only_function<void(base::Status)>;
  void add_feedback(record::Feedback feedback, runtime::EventLoop& loop, Kept kept);

  // Null without a log.
  quality::Monitor* monitor() { return monitor_.get(); }

  using Found = std::move_only_function<void(base::Result<std::optional<record::StoredPrediction>>)>;
  using Listed = std::move_only_function<void(base::Result<std::vector<record::StoredPrediction>>)>;
  void find_prediction(const base::Uuid& id, runtime::EventLoop& loop, Found found);
  void list_predictions(const record::Query& query, runtime::EventLoop& loop, Listed listed);

  // Where the models come from; to be set before anything below is asked for. Without one nothing can be
  // loaded, and the catalogue is filled by hand.
  void set_repository(std::unique_ptr<model::LiveRepository> repository, bool strict_readiness);
  model::LiveRepository* repository() { return repository_.get(); }

  // The model repository. What takes a loop reports exactly once, on it, when it is done or why it can't be.
  std::vector<model::IndexEntry> repository_index(bool ready_only) const;
  // The same after a look at what is there by now, where models come only as requests ask.
  using Indexed = std::move_only_function<void(std::vector<model::IndexEntry>)>;
  void fresh_index(bool ready_only, runtime::EventLoop& loop, Indexed indexed);
  using Changed = std::move_only_function<void(base::Status)>;
  void load_model(std::string name, model::LoadOverride override, runtime::EventLoop& loop, Changed changed);
  void unload_model(std::string name, bool dependents, runtime::EventLoop& loop, Changed changed);
  // Of one version, of all of a model's (empty version), or of all models (empty name). Errors: kNotFound.
  base::Result<std::vector<request::ModelStatistics>> statistics(std::string_view name,
                                                                 std::string_view version) const;

  // Where requests may find and leave tensors instead of carrying them.
  shared_memory::Regions& regions() { return regions_; }
  // Which of the requests given to infer() are traced, and where to.
  record::Tracer& tracer() { return tracer_; }

  // Ends the models, then stores what the log still holds. The loops must still run.
  void close();

 private:
  static Changed on_loop(runtime::EventLoop& loop, Changed changed);
  schedule::Done trace(std::shared_ptr<const request::ModelSignature> model,
                       const request::InferenceRequest& request, const record::TraceSettings& settings,
                       schedule::Done done);

  // Counts the request by the rate limits, then goes on with it, perhaps later.
  void count(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done);
  // For what the rate limits let in.
  void admit(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done);
  // On to the model, for what no cache has.
  void run(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
           schedule::Done done);

  observe::Registry& registry_;
  limit::Limiter* limiter_ = nullptr;      // null: there are no rate limits
  std::optional<LoadLimits> load_limits_;  // nothing: there are none
  std::unique_ptr<CachedInfer> cached_;    // null: no model's answers are cached
  model::Catalog catalog_;
  shared_memory::Regions regions_;
  record::Tracer tracer_;
  std::unique_ptr<quality::Monitor> monitor_;  // ends after the log, whose writer reports to it
  std::unique_ptr<record::PredictionLog> log_;
  const LogMode log_mode_;
  const bool log_inputs_;
  std::atomic<bool> ready_{false};
  std::unique_ptr<model::LiveRepository> repository_;
  bool strict_readiness_ = true;
  std::unique_ptr<runtime::WorkerPool> workers_ =
      std::make_unique<runtime::WorkerPool>(1);  // for the repository's reads
  // A database that is slow to answer holds up nothing but other questions to it.
  std::unique_ptr<runtime::WorkerPool> log_workers_;
};

}  // namespace saccade::serve
