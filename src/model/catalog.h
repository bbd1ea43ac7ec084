// The models that are served, by name and version. Safe from any thread: readers take a snapshot that never
// changes, at the cost of one atomic load as long as nothing was swapped.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/loaded_model.h"

namespace saccade::model {

class Catalog {
 public:
  using ModelPointer = std::shared_ptr<LoadedModel>;

  // By name, all versions that are to be served; none: the model is not served any more.
  using Changes = std::map<std::string, std::vector<ModelPointer>, std::less<>>;
  // Shows all changes and the default model, which answers where none is named, in one step: nobody sees some
  // without the others. Whoever calls this keeps the models that are replaced until afterwards, so that none
  // ends in here.
  void replace(Changes changes, std::string default_model);

  void add(ModelPointer model);
  // Lets go of all models; each ends once its last request has been answered.
  void clear();
  void set_default(std::string name);
  std::string default_model() const;
  // Until this is called an empty catalogue is one whose models are still to come.
  void set_started() { started_.store(true, std::memory_order_relaxed); }

  // Empty name: the default model; empty version: the highest. The error lists what there is.
  base::Result<ModelPointer> find(std::string_view name, std::string_view version) const;
  std::vector<ModelPointer> all() const;

 private:
  struct Snapshot {
    std::map<std::string, std::vector<ModelPointer>, std::less<>> models;  // versions ascending
    std::string default_model;
  };
  std::shared_ptr<const Snapshot> snapshot() const;
  void publish(Snapshot next);

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> current_ = std::make_shared<Snapshot>();  // guarded by mutex_
  std::atomic<std::uint64_t> generation_{1};
  std::atomic<bool> started_{false};
};

}  // namespace saccade::model
