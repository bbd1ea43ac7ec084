#include "model/catalog.h"

#include <algorithm>
#include <charconv>

namespace saccade::model {
namespace {

std::int64_t number(std::string_view version) {
  std::int64_t value = 0;
  std::from_chars(version.data(), version.data() + version.size(), value);
  return value;
}

}  // namespace

// Each thread keeps the snapshot it saw last and asks for another only when the generation has moved on.
std::shared_ptr<const Catalog::Snapshot> Catalog::snapshot() const {
  struct Seen {
    const Catalog* catalog = nullptr;
    std::uint64_t generation = 0;
    std::weak_ptr<const Snapshot> snapshot;
  };
  thread_local Seen seen;
  const std::uint64_t generation = generation_.load(std::memory_order_acquire);
  if (seen.catalog == this && seen.generation == generation) {
    if (auto known = seen.snapshot.lock()) return known;
  }
  const std::lock_guard lock(mutex_);
  seen = {this, generation_.load(std::memory_order_relaxed), current_};
  return current_;
}

void Catalog::publish(Snapshot next) {
  current_ = std::make_shared<const Snapshot>(std::move(next));
  generation_.fetch_add(1, std::memory_order_release);
}

void Catalog::replace(Changes changes, std::string default_model) {
  const std::lock_guard lock(mutex_);
  Snapshot next = *current_;
  for (auto& [name, versions] : changes) {
    if (versions.empty()) {
      next.models.erase(name);
      continue;
    }
    std::ranges::sort(versions, {}, [](const ModelPointer& m) { return number(m->signature()->version); });
    next.models[name] = std::move(versions);
  }
  next.default_model = std::move(default_model);
  publish(std::move(next));
}

void Catalog::add(ModelPointer model) {
  const std::lock_guard lock(mutex_);
  Snapshot next = *current_;
  const std::string& name = model->signature()->name;
  if (next.default_model.empty()) next.default_model = name;
  auto& versions = next.models[name];
  versions.push_back(std::move(model));
  std::ranges::sort(versions, {}, [](const ModelPointer& m) { return number(m->signature()->version); });
  publish(std::move(next));
}

void Catalog::clear() {
  // Models may end here, and that takes time: not under the lock that others look under.
  std::shared_ptr<const Snapshot> last;
  {
    const std::lock_guard lock(mutex_);
    last = current_;
    publish({});
  }
}

void Catalog::set_default(std::string name) {
  const std::lock_guard lock(mutex_);
  Snapshot next = *current_;
  next.default_model = std::move(name);
  publish(std::move(next));
}

std::string Catalog::default_model() const {
  return snapshot()->default_model;
}

base::Result<Catalog::ModelPointer> Catalog::find(std::string_view name, std::string_view version) const {
  const auto models = snapshot();
  if (name.empty()) name = models->default_model;
  const auto found = models->models.find(name);
  if (found == models->models.end()) {
    if (models->models.empty()) {
      if (!started_.load(std::memory_order_relaxed)) {
        return base::fail(base::Code::kUnavailable, "the models are still being loaded");
      }
      return base::fail(base::Code::kNotFound,
                        "there is no model \"" + std::string(name.substr(0, 100)) + "\"; none is loaded");
    }
    std::string names;
    for (const auto& [known, versions] : models->models)
      names += (names.empty() ? "\"" : ", \"") + known + "\"";
    return base::fail(base::Code::kNotFound,
                      "there is no model \"" + std::string(name.substr(0, 100)) + "\"; served are " + names);
  }
  if (version.empty()) return found->second.back();
  std::string versions;
  for (const ModelPointer& model : found->second) {
    if (model->signature()->version == version) return model;
    versions += (versions.empty() ? "" : ", ") + model->signature()->version;
  }
  return base::fail(base::Code::kNotFound, "model \"" + std::string(name) + "\" has no version \"" +
                                               std::string(version.substr(0, 100)) + "\"; served are " +
                                               versions);
}

std::vector<Catalog::ModelPointer> Catalog::all() const {
  std::vector<ModelPointer> all;
  const auto models = snapshot();  // kept: until C++23 a loop does not keep what its range is part of
  for (const auto& [name, versions] : models->models) all.insert(all.end(), versions.begin(), versions.end());
  return all;
}

}  // namespace saccade::model
