#include "model/live_repository.h"

#include <algorithm>
#include <charconv>

#include "model/fingerprint.h"
#include "model/names.h"
#include "model/text_file.h"
#include "observe/log.h"

namespace saccade::model {
namespace {

// Of one model; each is a request that somebody waits for.
constexpr std::size_t kMostWaiting = 64;
constexpr std::size_t kMostModels = 10'000;
// Versions that are not served any more and still listed.
constexpr std::ptrdiff_t kMostOldVersions = 32;
constexpr const char* kUnloaded = "unloaded";

std::int64_t number_of(const std::string& version) {
  return parse_version(version).value_or(0);
}

base::Status refuse_closed() {
  return base::fail(base::Code::kUnavailable, "the server is ending");
}

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : "; ") + text;
  return joined;
}

void log_loaded(const LoadedModel& model) {
  for (const std::string& warning : model.warnings()) observe::log_warning("{}", warning);
  const request::ModelSignature& signature = *model.signature();
  const LoadedModel::Engine& engine = model.engine();
  observe::log_info(
      "model {} version {}: {}, {}, one item takes {:.3f} ms with {} {}, runs {}", signature.name,
      signature.version, signature.classifies() ? "a classifier" : "answers with its outputs",
      signature.batches() ? "batches up to " + std::to_string(signature.max_batch_size) : "no batching",
      static_cast<double>(model.run_time().count()) / 1e6, engine.name, engine.version,
      model.describe_schedule());
}

// A load takes a processor for itself, and measures the model meanwhile.
std::size_t loads_at_once(const LoadOptions& options) {
  return std::clamp<std::size_t>(options.processors / 4, 1, 4);
}

}  // namespace

bool LiveRepository::Prepared::failed() const {
  return !status || !problems.empty() ||
         std::ranges::any_of(outcomes, [](const Outcome& outcome) { return outcome.model == nullptr; });
}

LiveRepository::LiveRepository(Catalog& catalog, observe::Registry& registry,
                               const engine::EngineSet& engines, RepositoryOptions options)
    : catalog_(catalog),
      registry_(registry),
      engines_(engines),
      options_(std::move(options)),
      loaders_(std::make_unique<runtime::WorkerPool>(loads_at_once(options_.load))) {
  if (options_.load.disposal == nullptr) options_.load.disposal = std::make_shared<runtime::Disposal>();
  ear_->repository = this;
}

void LiveRepository::load(std::string name, LoadOverride override, Changed changed) {
  if (options_.mode != ControlMode::kExplicit) {
    return changed(base::fail(base::Code::kUnavailable,
                              "explicit model load / unload is not allowed; start the server with "
                              "--model-control-mode explicit"));
  }
  enqueue(name, {.unloads = false, .override = std::move(override), .changed = std::move(changed)});
}

void LiveRepository::unload(std::string name, Changed changed) {
  if (options_.mode != ControlMode::kExplicit) {
    return changed(base::fail(base::Code::kUnavailable,
                              "explicit model load / unload is not allowed; start the server with "
                              "--model-control-mode explicit"));
  }
  enqueue(name, {.unloads = true, .override = {}, .changed = std::move(changed)});
}

void LiveRepository::enqueue(const std::string& name, Operation operation) {
  base::Status refused;
  {
    const std::lock_guard lock(mutex_);
    const auto known = models_.find(name);
    if (closed_) {
      refused = refuse_closed();
    } else if (known == models_.end() && models_.size() >= kMostModels) {
      refused = base::fail(base::Code::kUnavailable, "there are too many models already");
    } else if (known != models_.end() && known->second.waiting.size() >= kMostWaiting) {
      refused = base::fail(base::Code::kUnavailable,
                           "too many requests to load or unload this model wait already; try again later");
    } else {
      Model& model = models_[name];
      if (!model.busy) return begin(name, std::move(operation));
      model.waiting.push_back(std::move(operation));
      return;
    }
  }
  if (operation.changed) operation.changed(std::move(refused));
}

// With mutex_ held, and not closed.
void LiveRepository::begin(const std::string& name, Operation operation) {
  models_[name].busy = true;
  loaders_->post([this, name, operation = std::move(operation)]() mutable {
    if (operation.unloads) {
      run_unload(name, std::move(operation.changed));
    } else {
      run_load(name, operation.override, std::move(operation.changed));
    }
    finish(name);
  });
}

void LiveRepository::finish(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(name);
  if (found == models_.end()) return;
  Model& model = found->second;
  model.busy = false;
  if (!model.waiting.empty() && !closed_) {
    Operation next = std::move(model.waiting.front());
    model.waiting.pop_front();
    return begin(name, std::move(next));
  }
  // A name that somebody made up leaves nothing behind.
  if (!model.in_repository && model.versions.empty() && model.waiting.empty()) models_.erase(found);
}

LiveRepository::Prepared LiveRepository::prepare(const std::string& name, const LoadOverride& override) {
  Prepared prepared{.name = name, .status = {}, .outcomes = {}, .problems = {}};
  const auto places = list_models(options_.arguments);
  if (!places) {
    prepared.status = std::unexpected(places.error());
    return prepared;
  }
  const auto known = std::ranges::find(*places, name, &ModelPlace::name);
  const auto place = known == places->end() ? std::nullopt : std::optional(*known);
  if (place) {
    const std::string seen = options_.mode == ControlMode::kPoll ? fingerprint(place->path) : "";
    const std::lock_guard lock(mutex_);
    Model& model = models_[name];
    model.in_repository = true;
    model.seen = model.tried = seen;
  }
  auto found = find_with(override, name, place);
  if (!found) {
    prepared.status = std::unexpected(std::move(found.error()));
    prepared.unknown = !place;
    return prepared;
  }
  for (const std::string& warning : found->found.warnings) observe::log_warning("{}", warning);
  for (const base::Error& problem : found->found.problems) prepared.problems.push_back(problem.message);
  if (found->found.models.empty()) {
    prepared.status = base::invalid_argument(join(prepared.problems));
    return prepared;
  }
  const bool from_disk = !override.config_json && override.files.empty();
  for (const ModelSource& source : found->found.models) {
    const std::int64_t version = number_of(source.version);
    const std::string own = from_disk ? fingerprint(source) : "";
    if (auto same = unchanged(name, version, own)) {
      prepared.outcomes.push_back(*std::move(same));
      continue;
    }
    for (const std::string& warning : source.warnings) observe::log_warning("{}", warning);
    prepared.outcomes.push_back(open(source, version, found->files.get()));
    prepared.outcomes.back().fingerprint = own;
  }
  return prepared;
}

std::optional<LiveRepository::Outcome> LiveRepository::unchanged(const std::string& name,
                                                                 std::int64_t version,
                                                                 const std::string& fingerprint) {
  const std::lock_guard lock(mutex_);
  Version& known = models_[name].versions[version];
  if (known.served != nullptr) {
    if (fingerprint.empty() || known.fingerprint != fingerprint) return std::nullopt;
    return Outcome{version, fingerprint, known.served, {}};
  }
  known.state = ModelState::kLoading;
  known.reason.clear();
  return std::nullopt;
}

LiveRepository::Outcome LiveRepository::open(const ModelSource& source, std::int64_t version,
                                             const PrivateDirectory* files) {
  Outcome outcome{.version = version, .fingerprint = {}, .model = nullptr, .error = {}};
  auto model = LoadedModel::load(source, engines_, registry_, options_.load);
  if (!model) {
    outcome.error = std::move(model.error().message);
    if (files != nullptr) files->hide_in(outcome.error);
    return outcome;
  }
  log_loaded(**model);
  (*model)->on_end([ear = ear_, name = source.name, version] {
    const std::lock_guard lock(ear->mutex);
    if (ear->repository != nullptr) ear->repository->ended(name, version);
  });
  outcome.model = runtime::share(*std::move(model), options_.load.disposal);
  return outcome;
}

void LiveRepository::run_load(const std::string& name, const LoadOverride& override, Changed changed) {
  std::vector<Prepared> prepared;
  prepared.push_back(prepare(name, override));
  base::Status result = std::move(commit(std::move(prepared)).front());
  if (!result) observe::log_error("{}", result.error().message);
  if (changed) changed(std::move(result));
}

std::vector<base::Status> LiveRepository::commit(std::vector<Prepared> prepared) {
  std::vector<base::Status> results;
  std::vector<Catalog::ModelPointer> retired;
  {
    const std::lock_guard lock(mutex_);
    Catalog::Changes changes;
    for (Prepared& one : prepared) results.push_back(settle(one, changes, retired));
    if (!changes.empty()) {
      std::string default_model = choose_default(changes);
      catalog_.replace(std::move(changes), std::move(default_model));
    }
  }
  // What is replaced may end right here, which takes as long as its last run, and reports to ended().
  retired.clear();
  return results;
}

// With mutex_ held.
base::Status LiveRepository::settle(Prepared& prepared, Catalog::Changes& changes,
                                    std::vector<Catalog::ModelPointer>& retired) {
  const bool failed = prepared.failed();
  if (!prepared.unknown) {
    registry_
        .counter("saccade_model_loads_total", "Loads of models by outcome: success, failure.",
                 {{"model", prepared.name}, {"outcome", failed ? "failure" : "success"}})
        .add();
  }
  Model& model = models_[prepared.name];
  std::string reason = join(prepared.problems);
  if (!prepared.status) reason = prepared.status.error().message;
  model.reason = prepared.unknown ? "" : reason;
  for (auto& [number, version] : model.versions) {
    if (version.served != nullptr) version.reason = reason.empty() ? "" : "the last load failed: " + reason;
  }
  for (Outcome& outcome : prepared.outcomes) {
    settle_version(model.versions[outcome.version], outcome, retired);
    if (outcome.error.empty()) continue;
    reason += (reason.empty() ? "version " : "; version ") + std::to_string(outcome.version) +
              " is at UNAVAILABLE state: " + outcome.error;
  }
  if (!failed) {
    for (auto& [number, version] : model.versions) {
      if (version.served == nullptr) continue;
      const bool kept =
          std::ranges::find(prepared.outcomes, number, &Outcome::version) != prepared.outcomes.end();
      if (!kept) retire(prepared.name, version, retired);
    }
    came(prepared.name);
  }
  forget_versions(prepared.name, model, !failed);
  auto& versions = changes[prepared.name];
  for (auto& [number, version] : model.versions) {
    if (version.served != nullptr) versions.push_back(version.served);
    show_in_metrics(prepared.name, number, version);
  }
  if (!failed) return {};
  if (!prepared.status && prepared.status.error().code == base::Code::kNotFound && prepared.unknown) {
    return prepared.status;
  }
  return base::invalid_argument("load failed for model '" + printable(prepared.name) + "': " + reason);
}

void LiveRepository::settle_version(Version& version, Outcome& outcome,
                                    std::vector<Catalog::ModelPointer>& retired) {
  if (outcome.model == nullptr) {
    // What was served before goes on.
    version.reason = (version.served != nullptr ? "the last load failed: " : "") + outcome.error;
    version.state = version.served != nullptr ? ModelState::kReady : ModelState::kUnavailable;
    return;
  }
  if (version.served != nullptr && version.served != outcome.model) {
    ++version.ending;
    retired.push_back(std::move(version.served));
  }
  version.served = std::move(outcome.model);
  version.fingerprint = std::move(outcome.fingerprint);
  version.state = ModelState::kReady;
}

void LiveRepository::retire(const std::string& name, Version& version,
                            std::vector<Catalog::ModelPointer>& retired) {
  observe::log_info("model {} version {}: not served any more", name, version.served->signature()->version);
  ++version.ending;
  version.state = ModelState::kUnloading;
  version.reason.clear();
  version.fingerprint.clear();
  retired.push_back(std::move(version.served));
  version.served = nullptr;
}

// Of versions that are neither served nor on their way: those that a later look did not find any more, and
// the oldest beyond a number. Their metrics go with them, so that ever new versions don't fill the memory.
void LiveRepository::forget_versions(const std::string& name, Model& model, bool loaded) {
  const auto idle = [](const Version& version) {
    return version.served == nullptr && version.ending == 0 && version.state == ModelState::kUnavailable;
  };
  auto old = std::ranges::count_if(model.versions, [&](const auto& entry) { return idle(entry.second); });
  std::erase_if(model.versions, [&](const auto& entry) {
    const auto& [number, version] = entry;
    if (!idle(version)) return false;
    const bool outdated = loaded && version.reason != kUnloaded;
    if (!outdated && old <= kMostOldVersions) return false;
    --old;
    registry_.forget({{"model", name}, {"version", std::to_string(number)}});
    return true;
  });
}

void LiveRepository::show_in_metrics(const std::string& name, std::int64_t number, Version& version) {
  const observe::Labels labels{{"model", name}, {"version", std::to_string(number)}};
  registry_.gauge("saccade_model_ready", "Whether the version of the model is served: 1 or 0.", labels)
      .set(version.served != nullptr ? 1 : 0);
  observe::Labels info;
  if (version.served != nullptr) {
    const LoadedModel::Engine& engine = version.served->engine();
    info = labels;
    info.insert(info.end(), {{"engine", engine.name},
                             {"engine_version", engine.version},
                             {"threads", std::to_string(engine.threads)},
                             {"device", engine.device}});
  }
  if (info == version.info) return;
  if (!version.info.empty()) registry_.forget(version.info);
  version.info = std::move(info);
  if (version.info.empty()) return;
  registry_
      .gauge("saccade_model_info", "Always 1; what runs the served version of the model is in the labels.",
             version.info)
      .set(1);
}

// With mutex_ held.
std::string LiveRepository::choose_default(const Catalog::Changes& changes) const {
  if (!options_.default_model.empty()) return options_.default_model;
  const auto served = [&](const std::string& name) {
    if (const auto changed = changes.find(name); changed != changes.end()) return !changed->second.empty();
    const auto known = models_.find(name);
    return known != models_.end() && std::ranges::any_of(known->second.versions, [](const auto& entry) {
             return entry.second.served != nullptr;
           });
  };
  if (served(first_model_)) return first_model_;
  if (std::string current = catalog_.default_model(); served(current)) return current;
  for (const auto& [name, model] : models_) {
    if (served(name)) return name;
  }
  return {};
}

void LiveRepository::run_unload(const std::string& name, Changed changed) {
  std::vector<Catalog::ModelPointer> retired;
  {
    const std::lock_guard lock(mutex_);
    const auto known = models_.find(name);
    if (known != models_.end()) {
      Model& model = known->second;
      model.reason.clear();
      model.tried.clear();
      for (auto& [number, version] : model.versions) {
        if (version.served != nullptr) {
          retire(name, version, retired);
        } else if (version.ending == 0) {
          version.state = ModelState::kUnavailable;
          version.reason = kUnloaded;
        }
        show_in_metrics(name, number, version);
      }
      Catalog::Changes changes;
      changes[name] = {};
      std::string default_model = choose_default(changes);
      catalog_.replace(std::move(changes), std::move(default_model));
      came(name);
    }
    // Answered with the others by answer_waiters(), at once if nothing is under way.
    if (changed) waiters_.push_back({name, std::move(changed), base::now() + options_.unload_timeout});
  }
  retired.clear();
  answer_waiters();
  watch_changed_.notify_all();
}

void LiveRepository::ended(const std::string& name, std::int64_t number) {
  {
    const std::lock_guard lock(mutex_);
    const auto model = models_.find(name);
    if (model == models_.end()) return;
    const auto found = model->second.versions.find(number);
    if (found == model->second.versions.end() || found->second.ending == 0) return;
    Version& version = found->second;
    --version.ending;
    if (version.ending == 0 && version.served == nullptr && version.state == ModelState::kUnloading) {
      version.state = ModelState::kUnavailable;
      version.reason = kUnloaded;
    }
  }
  answer_waiters();
}

void LiveRepository::answer_waiters() {
  std::vector<std::pair<Changed, base::Status>> answers;
  {
    const std::lock_guard lock(mutex_);
    const base::TimePoint now = base::now();
    std::erase_if(waiters_, [&](Waiter& waiter) {
      const auto model = models_.find(waiter.name);
      const bool done =
          model == models_.end() ||
          std::ranges::all_of(model->second.versions, [](auto& entry) { return entry.second.ending == 0; });
      if (!done && now < waiter.until && !closed_) return false;
      answers.emplace_back(std::move(waiter.changed),
                           done ? base::Status{}
                                : base::fail(base::Code::kDeadlineExceeded,
                                             "model '" + waiter.name +
                                                 "' takes no more requests, but some are still under way"));
      return true;
    });
  }
  for (auto& [changed, status] : answers) changed(std::move(status));
}

std::vector<IndexEntry> LiveRepository::index(bool ready_only) const {
  std::vector<IndexEntry> entries;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, model] : models_) {
    if (model.versions.empty() && !ready_only) {
      const bool failed = !model.reason.empty();
      if (!failed && !model.in_repository) continue;
      entries.push_back({.name = name,
                         .version = {},
                         .state = failed ? ModelState::kUnavailable : ModelState::kUnknown,
                         .reason = model.reason});
    }
    for (const auto& [number, version] : model.versions) {
      if (ready_only && version.state != ModelState::kReady) continue;
      entries.push_back({.name = name,
                         .version = std::to_string(number),
                         .state = version.state,
                         .reason = version.reason});
    }
  }
  return entries;
}

void LiveRepository::close() {
  std::vector<Operation> refused;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    for (auto& [name, model] : models_) {
      std::ranges::move(model.waiting, std::back_inserter(refused));
      model.waiting.clear();
    }
  }
  watch_changed_.notify_all();
  if (watcher_.joinable()) watcher_.join();
  for (Operation& operation : refused) {
    if (operation.changed) operation.changed(refuse_closed());
  }
  loaders_.reset();
  answer_waiters();
  std::map<std::string, Model, std::less<>> models;
  {
    const std::lock_guard lock(ear_->mutex);
    ear_->repository = nullptr;
  }
  {
    const std::lock_guard lock(mutex_);
    models.swap(models_);
  }
  catalog_.clear();
  models.clear();
  options_.load.disposal->close();
}

}  // namespace saccade::model
