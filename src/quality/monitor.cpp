#include "quality/monitor.h"

#include <array>
#include <atomic>
#include <limits>
#include <optional>

#include "base/random_duration.h"

namespace saccade::quality {
namespace {

constexpr std::size_t kMostModels = 1'000;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// What a thread knows of a model. Models whose places coincide take turns. It keeps nothing of a model that
// is served no more: another one that has come to stand at the same address waits for `at`, and is then
// noticed.
struct Due {
  const request::ModelSignature* signature = nullptr;
  std::uint64_t monitor = 0;
  base::TimePoint at{};
  std::weak_ptr<ModelQuality> model;
};
constexpr std::size_t kPlaces = 64;

Due& due(const request::ModelSignature* signature) {
  thread_local std::array<Due, kPlaces> table;
  const auto address = reinterpret_cast<std::uintptr_t>(signature);
  return table[(address >> 6 ^ address >> 12) % kPlaces];
}

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

using Key = std::pair<std::string, std::string>;

}  // namespace

struct Monitor::State {
  mutable std::mutex mutex;
  std::map<Key, std::shared_ptr<ModelQuality>> models;  // guarded by mutex
  std::map<Key, Calibration> feedback;                  // guarded by mutex

  std::shared_ptr<ModelQuality> model(const Key& key) const {
    const std::lock_guard lock(mutex);
    const auto found = models.find(key);
    return found == models.end() ? nullptr : found->second;
  }
  template <typename Read>
  double score(const Key& key, Read read) const {
    const std::lock_guard lock(mutex);
    const auto found = feedback.find(key);
    return found == feedback.end() ? kUnknown : read(found->second);
  }
};

Monitor::Monitor(observe::Registry& registry, MonitorOptions options)
    : registry_(registry), options_(options), number_(next_number()), state_(std::make_shared<State>()) {}

Monitor::~Monitor() = default;

std::shared_ptr<ModelQuality> Monitor::sample(const std::shared_ptr<const request::ModelSignature>& signature,
                                              const std::vector<tensor::Tensor>& inputs,
                                              base::TimePoint now) {
  Due& here = due(signature.get());
  const bool known = here.signature == signature.get() && here.monitor == number_;
  if (known && now < here.at) return nullptr;
  auto model = known ? here.model.lock() : nullptr;
  if (!model || &model->signature() != signature.get()) model = watch(signature);
  // Of callers who ask the same questions in turn, not always the same one is to be met.
  const auto pause = base::random_duration(options_.interval / 2, options_.interval * 3 / 2);
  here = {.signature = signature.get(), .monitor = number_, .at = now + pause, .model = model};
  if (model) model->add_inputs(inputs);
  return model;
}

// Null: too many are watched.
std::shared_ptr<ModelQuality> Monitor::watch(
    const std::shared_ptr<const request::ModelSignature>& signature) {
  std::shared_ptr<ModelQuality> model;
  {
    const std::lock_guard lock(state_->mutex);
    const Key key{signature->name, signature->version};
    const auto found = state_->models.find(key);
    if (found != state_->models.end() && &found->second->signature() == signature.get()) return found->second;
    std::erase_if(state_->models, [](const auto& entry) { return !entry.second->served(); });
    if (state_->models.size() >= kMostModels && !state_->models.contains(key)) return nullptr;
    model = std::make_shared<ModelQuality>(signature, options_.windows);
    state_->models.insert_or_assign(key, model);
  }
  show(*model);
  return model;
}

void Monitor::add_feedback(const std::string& model, const std::string& version,
                           const std::vector<Judged>& judged) {
  if (judged.empty()) return;
  bool fresh = false;
  {
    const std::lock_guard lock(state_->mutex);
    const Key key{model, version};
    if (!state_->feedback.contains(key) && state_->feedback.size() >= kMostModels) return;
    Calibration& calibration = state_->feedback[key];
    fresh = calibration.count() == 0;
    for (const Judged& one : judged) calibration.add(one);
  }
  if (fresh) show_feedback(model, version);
}

// ---- gauges

void Monitor::show(const ModelQuality& model) {
  const Key key{model.signature().name, model.signature().version};
  const observe::Labels labels{{"model", key.first}, {"version", key.second}};
  const std::weak_ptr<const State> weak(state_);
  const auto look = [&](const char* name, const char* help, const observe::Labels& with, auto read) {
    registry_.gauge_from(name, help, with, [weak, key, read] {
      const auto state = weak.lock();
      const auto watched = state ? state->model(key) : nullptr;
      return watched ? read(*watched) : kUnknown;
    });
  };
  registry_.counter_from("saccade_quality_samples_total", "Requests looked at for drift.", labels,
                         [weak, key] {
                           const auto state = weak.lock();
                           const auto watched = state ? state->model(key) : nullptr;
                           return watched ? static_cast<double>(watched->samples()) : 0.0;
                         });
  look("saccade_quality_output_drift",
       "Population stability index of the predicted classes against the reference window.", labels,
       [](const ModelQuality& quality) { return quality.output_drift().value_or(kUnknown); });
  for (std::size_t i = 0; i < model.inputs(); ++i) {
    observe::Labels with = labels;
    with.emplace_back("input", model.signature().inputs[i].name);
    look("saccade_quality_input_drift",
         "Population stability index of an input's values (of texts: their lengths) against the reference "
         "window.",
         with, [i](const ModelQuality& quality) {
           return i < quality.inputs() ? quality.input(i).drift.value_or(kUnknown) : kUnknown;
         });
    look(
        "saccade_quality_input_mean", "Mean of an input's recent values (of texts: their lengths).", with,
        [i](const ModelQuality& quality) { return i < quality.inputs() ? quality.input(i).mean : kUnknown; });
    look("saccade_quality_input_stddev",
         "Standard deviation of an input's recent values (of texts: their lengths).", with,
         [i](const ModelQuality& quality) {
           return i < quality.inputs() ? quality.input(i).deviation : kUnknown;
         });
  }
}

void Monitor::show_feedback(const std::string& model, const std::string& version) {
  const Key key{model, version};
  const std::weak_ptr<const State> weak(state_);
  const auto look = [&](const char* name, const char* help, const char* window, auto read) {
    registry_.gauge_from(name, help, {{"model", model}, {"version", version}, {"window", window}},
                         [weak, key, read] {
                           const auto state = weak.lock();
                           return state ? state->score(key, read) : kUnknown;
                         });
  };
  registry_.counter_from("saccade_quality_judged_total", "Predictions that feedback was given on.",
                         {{"model", model}, {"version", version}}, [weak, key] {
                           const auto state = weak.lock();
                           return state ? state->score(key,
                                                       [](const Calibration& calibration) {
                                                         return static_cast<double>(calibration.count());
                                                       })
                                        : 0.0;
                         });
  constexpr const char* kAccuracy = "Share of judged predictions whose class was the true one.";
  constexpr const char* kBrier = "Brier score of the predicted classes: 0 is best.";
  constexpr const char* kError = "Expected calibration error over ten bins of confidence: 0 is best.";
  look("saccade_quality_accuracy", kAccuracy, "recent",
       [](const Calibration& c) { return c.recent().accuracy(); });
  look("saccade_quality_accuracy", kAccuracy, "all", [](const Calibration& c) { return c.all().accuracy(); });
  look("saccade_quality_brier_score", kBrier, "recent",
       [](const Calibration& c) { return c.recent().brier(); });
  look("saccade_quality_brier_score", kBrier, "all", [](const Calibration& c) { return c.all().brier(); });
  look("saccade_quality_calibration_error", kError, "recent",
       [](const Calibration& c) { return c.recent().calibration_error(); });
  look("saccade_quality_calibration_error", kError, "all",
       [](const Calibration& c) { return c.all().calibration_error(); });
}

}  // namespace saccade::quality
