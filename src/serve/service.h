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
#include "model/catalog.h"
#include "observe/metrics.h"
#include "record/prediction_log.h"
#include "request/inference_request.h"
#include "runtime/event_loop.h"
#include "runtime/worker_pool.h"
#include "schedule/job.h"

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

  // Whether new requests are welcome. Loading: not yet; draining: no more.
  void set_ready(bool ready) { ready_.store(ready); }
  bool ready() const { return ready_.load(); }

  // Asks the model. `done` is called once, on `loop`, from where this is called.
  void infer(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done);

  bool logs() const { return log_ != nullptr; }
  bool logs_inputs() const { return log_ != nullptr && log_inputs_; }
  LogMode log_mode() const { return log_mode_; }
  // Puts an answered prediction into the log. `done` as in record::PredictionLog::append, but on `loop`.
  void record(record::Prediction prediction, record::Wait wait, runtime::EventLoop& loop,
              record::PredictionLog::Done done);

  using Found = std::move_only_function<void(base::Result<std::optional<record::StoredPrediction>>)>;
  using Listed = std::move_only_function<void(base::Result<std::vector<record::StoredPrediction>>)>;
  void find_prediction(const base::Uuid& id, runtime::EventLoop& loop, Found found);
  void list_predictions(const record::Query& query, runtime::EventLoop& loop, Listed listed);

  // Ends the models, then stores what the log still holds. The loops must still run.
  void close();

 private:
  observe::Registry& registry_;
  model::Catalog catalog_;
  std::unique_ptr<record::PredictionLog> log_;
  const LogMode log_mode_;
  const bool log_inputs_;
  std::atomic<bool> ready_{false};
  std::optional<runtime::WorkerPool> workers_{1};  // for the log's reads
};

}  // namespace saccade::serve
