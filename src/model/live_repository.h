// The models of the repositories that the arguments name, as they come, change and go while the server runs.
//
// All loading happens on worker threads, one operation at a time for each model. What is served changes only
// when everything new is loaded and warmed up: then the catalogue shows it in one step, and what it replaces
// ends once its last request has been answered. A load that fails leaves what was served before.
//
// Safe from any thread, but for start() and close(), which belong to the main thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/catalog.h"
#include "model/index.h"
#include "model/load_override.h"
#include "model/loaded_model.h"
#include "observe/metrics.h"
#include "runtime/worker_pool.h"

namespace saccade::model {

enum class ControlMode : std::uint8_t {
  kNone,      // what is there at the start, for good
  kPoll,      // looks for changes again and again
  kExplicit,  // as requests ask
};

struct RepositoryOptions {
  std::vector<std::string> arguments;  // as in find_models
  ControlMode mode = ControlMode::kNone;
  std::vector<std::string> load_at_start;  // kExplicit: these, or "*" for all
  base::Duration poll_interval = std::chrono::seconds(15);
  bool exit_on_error = true;  // a model that can't be loaded at the start is the start's failure
  std::string default_model;  // empty: the first
  base::Duration unload_timeout = std::chrono::seconds(30);
  LoadOptions load;
};

class LiveRepository {
 public:
  using Changed = std::move_only_function<void(base::Status)>;

  LiveRepository(Catalog& catalog, observe::Registry& registry, const engine::EngineSet& engines,
                 RepositoryOptions options);
  ~LiveRepository() { close(); }

  // Loads what is to be there at the start and shows it all at once. Blocks; `give_up` is asked now and then.
  base::Status start(const std::function<bool()>& give_up);
  // Whether every model of the start is, or has been, loaded.
  bool complete() const { return complete_.load(std::memory_order_relaxed); }

  std::vector<IndexEntry> index(bool ready_only) const;
  // Both call `changed` once, on some thread. unload() is done when the last request has been answered.
  void load(std::string name, LoadOverride override, Changed changed);
  void unload(std::string name, Changed changed);

  // Before an index: looks for new models where nobody else does (kExplicit). Blocks.
  void refresh() {
    if (options_.mode == ControlMode::kExplicit) look();
  }
  // What happens every poll_interval: looks for changes and begins what follows from them.
  void look();
  // Finishes what is being loaded, takes nothing more, and lets go of all models. The loops must still run.
  void close();

 private:
  struct Version {
    ModelState state = ModelState::kUnknown;
    std::string reason;
    Catalog::ModelPointer served;  // null: not served
    std::string fingerprint;       // of what is served; empty: not from disk alone
    std::size_t ending = 0;        // copies that are not shown any more and still answer
    observe::Labels info;          // under which saccade_model_info shows it; empty: not shown
  };
  struct Operation {
    bool unloads = false;
    LoadOverride override;
    Changed changed;
  };
  struct Model {
    bool in_repository = false;                // seen there at the last look
    std::map<std::int64_t, Version> versions;  // all that were tried
    std::string reason;                        // why versions could not even be tried
    bool busy = false;                         // an operation is under way
    std::deque<Operation> waiting;
    std::string seen, tried;  // fingerprints: at the last look, and when last loaded
    int missing = 0;          // looks in a row that did not find it
  };
  // One version, loaded or not, on its way from the worker to the catalogue.
  struct Outcome {
    std::int64_t version = 0;
    std::string fingerprint;
    Catalog::ModelPointer model;  // null: `error` says why
    std::string error;
  };
  struct Prepared {
    std::string name;
    base::Status status;  // an error: not one version could be tried
    std::vector<Outcome> outcomes;
    std::vector<std::string> problems;  // versions that could not be tried
    bool unknown = false;               // there is no such model
    bool failed() const;
  };
  struct Waiter {
    std::string name;
    Changed changed;
    base::TimePoint until;
  };

  // The operations of one model, one after the other.
  void enqueue(const std::string& name, Operation operation);
  void begin(const std::string& name, Operation operation);
  void finish(const std::string& name);
  // Blocks, on a worker.
  Prepared prepare(const std::string& name, const LoadOverride& override);
  std::optional<Outcome> unchanged(const std::string& name, std::int64_t version,
                                   const std::string& fingerprint);
  Outcome open(const ModelSource& source, std::int64_t version, const PrivateDirectory* files);
  void run_load(const std::string& name, const LoadOverride& override, Changed changed);
  void run_unload(const std::string& name, Changed changed);
  // Shows what was prepared. The results are in the same order.
  std::vector<base::Status> commit(std::vector<Prepared> prepared);
  base::Status settle(Prepared& prepared, Catalog::Changes& changes,
                      std::vector<Catalog::ModelPointer>& retired);
  static void settle_version(Version& version, Outcome& outcome, std::vector<Catalog::ModelPointer>& retired);
  void retire(const std::string& name, Version& version, std::vector<Catalog::ModelPointer>& retired);
  // A copy that was retired has answered its last request.
  void ended(const std::string& name, std::int64_t version);
  std::string choose_default(const Catalog::Changes& changes) const;
  void show_in_metrics(const std::string& name, std::int64_t number, Version& version);
  void forget_versions(const std::string& name, Model& model, bool loaded);
  void came(const std::string& name);

  base::Result<std::vector<ModelPlace>> places_of_start() const;
  std::vector<Prepared> prepare_all(const std::vector<ModelPlace>& places,
                                    const std::function<bool()>& give_up, bool& given_up);
  bool must_load(const ModelPlace& place) const;
  base::Status judge_start(const std::vector<ModelPlace>& places, std::vector<base::Status> results);
  void watch();
  void look_at(const ModelPlace& place, std::vector<std::string>& changed);
  bool is_gone(const std::string& name, Model& model, std::vector<std::string>& gone) const;
  void answer_waiters();

  Catalog& catalog_;
  observe::Registry& registry_;
  const engine::EngineSet& engines_;
  RepositoryOptions options_;  // constant after construction

  mutable std::mutex mutex_;
  std::map<std::string, Model, std::less<>> models_;  // guarded by mutex_
  std::vector<Waiter> waiters_;                       // guarded by mutex_
  std::vector<std::string> missing_from_start_;       // guarded by mutex_
  bool closed_ = false;                               // guarded by mutex_
  std::string first_model_;                           // guarded by mutex_: answers where none is named
  std::condition_variable watch_changed_;
  std::atomic<bool> complete_{false};

  // Shared with the models, which may outlive this.
  struct Ear {
    std::mutex mutex;
    LiveRepository* repository = nullptr;  // guarded by mutex; null: gone
  };
  std::shared_ptr<Ear> ear_ = std::make_shared<Ear>();
  std::unique_ptr<runtime::WorkerPool> loaders_;
  std::thread watcher_;
};

}  // namespace saccade::model
