// The live repository's beginning, and its eye on the disk.
#include <algorithm>
#include <set>

#include "model/fingerprint.h"
#include "model/live_repository.h"
#include "observe/log.h"

namespace saccade::model {
namespace {

// Names alone are cheap to look at, and the index should know of new ones soon.
constexpr base::Duration kNamesInterval = std::chrono::seconds(2);
constexpr base::Duration kGiveUpInterval = std::chrono::milliseconds(20);

}  // namespace

base::Status LiveRepository::start(const std::function<bool()>& give_up) {
  const auto places = places_of_start();
  if (!places) return std::unexpected(places.error());
  bool given_up = false;
  std::vector<Prepared> prepared = prepare_all(*places, give_up, given_up);
  if (given_up) return base::fail(base::Code::kCancelled, "ended while loading models");
  {
    const std::lock_guard lock(mutex_);
    for (const ModelPlace& place : *places) missing_from_start_.push_back(place.name);
    for (const Prepared& one : prepared) {
      if (first_model_.empty() && !one.failed()) first_model_ = one.name;
    }
  }
  base::Status judged = judge_start(*places, commit(std::move(prepared)));
  for (const ModelPlace& place : *places) finish(place.name);
  if (!judged) return judged;
  {
    const std::lock_guard lock(mutex_);
    complete_.store(missing_from_start_.empty(), std::memory_order_relaxed);
  }
  catalog_.set_started();
  if (options_.mode != ControlMode::kNone) {
    look();
    watcher_ = std::thread([this] { watch(); });
  }
  return {};
}

base::Result<std::vector<ModelPlace>> LiveRepository::places_of_start() const {
  auto places = list_models(options_.arguments);
  if (!places || options_.mode != ControlMode::kExplicit) return places;
  if (std::ranges::find(options_.load_at_start, "*") != options_.load_at_start.end()) return places;
  std::vector<ModelPlace> chosen;
  for (const std::string& name : options_.load_at_start) {
    const auto place = std::ranges::find(*places, name, &ModelPlace::name);
    if (place == places->end()) {
      return base::fail(base::Code::kNotFound, "--load-model: there is no model \"" + name + "\"");
    }
    if (std::ranges::find(chosen, name, &ModelPlace::name) == chosen.end()) chosen.push_back(*place);
  }
  return chosen;
}

std::vector<LiveRepository::Prepared> LiveRepository::prepare_all(const std::vector<ModelPlace>& places,
                                                                  const std::function<bool()>& give_up,
                                                                  bool& given_up) {
  {
    const std::lock_guard lock(mutex_);
    for (const ModelPlace& place : places) models_[place.name].busy = true;
  }
  std::vector<Prepared> prepared(places.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t left = places.size();  // guarded by mutex
  std::atomic<bool> skip = false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    loaders_->post([&, i] {
      prepared[i].name = places[i].name;
      if (skip) {
        prepared[i].status = base::fail(base::Code::kCancelled, "not loaded");
      } else {
        prepared[i] = prepare(places[i].name, {});
        if (prepared[i].failed() && must_load(places[i])) skip = true;
      }
      const std::lock_guard lock(mutex);
      --left;
      changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  while (left > 0) {
    if (!given_up && give_up()) given_up = skip = true;
    changed.wait_for(lock, kGiveUpInterval);
  }
  return prepared;
}

// A file that somebody names is meant; a repository may hold what is not fit to be served.
bool LiveRepository::must_load(const ModelPlace& place) const {
  std::error_code failure;
  return options_.exit_on_error || !std::filesystem::is_directory(place.path, failure);
}

base::Status LiveRepository::judge_start(const std::vector<ModelPlace>& places,
                                         std::vector<base::Status> results) {
  base::Status fatal;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (results[i] || results[i].error().code == base::Code::kCancelled) continue;
    if (fatal && must_load(places[i])) {
      fatal = results[i];
    } else {
      observe::log_error("not served: {}", results[i].error().message);
    }
  }
  if (!fatal) return fatal;
  // Where models may still come, none need be there yet.
  if (options_.mode != ControlMode::kNone) return {};
  if (catalog_.all().empty()) return base::invalid_argument("no model can be served");
  if (const auto found = catalog_.find(catalog_.default_model(), ""); !found) {
    return base::invalid_argument("--default-model: " + found.error().message);
  }
  return {};
}

// With mutex_ held: what the start wanted is there, or is not wanted any more.
void LiveRepository::came(const std::string& name) {
  std::erase(missing_from_start_, name);
  complete_.store(missing_from_start_.empty(), std::memory_order_relaxed);
}

void LiveRepository::watch() {
  const base::Duration interval =
      options_.mode == ControlMode::kPoll ? options_.poll_interval : kNamesInterval;
  base::TimePoint next = base::now() + interval;
  std::unique_lock lock(mutex_);
  while (!closed_) {
    base::TimePoint due = next;
    for (const Waiter& waiter : waiters_) due = std::min(due, waiter.until);
    watch_changed_.wait_until(lock, due);
    if (closed_) return;
    lock.unlock();
    answer_waiters();
    if (base::now() >= next) {
      look();
      next = base::now() + interval;
    }
    lock.lock();
  }
}

void LiveRepository::look() {
  const auto places = list_models(options_.arguments);
  if (!places) {
    observe::log_warning("the models can't be looked at, what is served stays: {}", places.error().message);
    return;
  }
  std::vector<std::string> changed;
  for (const ModelPlace& place : *places) look_at(place, changed);
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    std::set<std::string_view> names;
    for (const ModelPlace& place : *places) names.insert(place.name);
    for (auto entry = models_.begin(); entry != models_.end();) {
      const bool forget = !names.contains(entry->first) && is_gone(entry->first, entry->second, gone);
      entry = forget ? models_.erase(entry) : std::next(entry);
    }
  }
  for (const std::string& name : changed) enqueue(name, {});
  for (const std::string& name : gone) enqueue(name, {.unloads = true, .override = {}, .changed = {}});
}

// With mutex_ held: the last look did not find the model. Whether it can be forgotten at once; `gone`: what
// is to be unloaded.
bool LiveRepository::is_gone(const std::string& name, Model& model, std::vector<std::string>& gone) const {
  if (!model.in_repository) return false;
  if (options_.mode == ControlMode::kPoll) {
    // Whoever replaces a directory takes it away for a moment.
    if (++model.missing < 2) return false;
    gone.push_back(name);
  }
  model.in_repository = false;
  return model.versions.empty() && !model.busy && options_.mode == ControlMode::kExplicit;
}

// Something has changed, and is as it was at the last look: nobody is writing it any more.
void LiveRepository::look_at(const ModelPlace& place, std::vector<std::string>& changed) {
  const bool polls = options_.mode == ControlMode::kPoll;
  std::string seen = polls ? fingerprint(place.path) : "";
  const std::lock_guard lock(mutex_);
  Model& model = models_[place.name];
  model.in_repository = true;
  model.missing = 0;
  if (!polls) return;
  const bool stable = seen == model.seen;
  if (stable && seen != model.tried && !model.busy) {
    model.tried = seen;
    changed.push_back(place.name);
  }
  model.seen = std::move(seen);
}

}  // namespace saccade::model
