#include "model/loaded_model.h"

#include <algorithm>

#include "model/cache_identity.h"
#include "model/completed_config.h"
#include "model/guard_settings.h"
#include "model/open_model.h"
#include "model/profile.h"
#include "model/reshape.h"
#include "model/session_settings.h"
#include "model/warmup.h"
#include "model_config.pb.h"
#include "schedule/run_pool.h"

namespace saccade::model {
namespace {

using Sessions = std::vector<std::unique_ptr<engine::Session>>;

// The opened one and those beside it: `count` for the loops; in the pool those that are always there, as it
// makes more by share(). Where that can't be done all are opened now: later the file may be another one.
base::Result<Sessions> sessions_of(const ModelSource& source, OpenedModel& opened, bool on_loops,
                                   std::size_t count) {
  Sessions sessions;
  sessions.push_back(std::move(opened.session));
  if (!on_loops && sessions.front()->share() != nullptr) {
    count = std::clamp<std::size_t>(opened.completed.policy.min_instances, 1, count);
  }
  while (sessions.size() < count) {
    auto another = another_session(source, *opened.engine, opened.options, *sessions.front());
    if (!another) return std::unexpected(another.error());
    sessions.push_back(*std::move(another));
  }
  return sessions;
}

// For a request that has the machine to itself: one more session, with more threads. Null where that would
// change nothing.
base::Result<std::unique_ptr<engine::Session>> lone_session(const ModelSource& source,
                                                            const OpenedModel& opened) {
  if (opened.lone_threads <= opened.options.threads) return nullptr;
  engine::SessionOptions options = opened.options;
  options.threads = opened.lone_threads;
  options.nice = schedule::kLongNice;
  return opened.engine->open(source.file, options);
}

// All of them, the lone one too.
base::Status warm_up_all(const ModelSource& source, const CompletedModel& completed, Sessions& sessions,
                         std::unique_ptr<engine::Session>& lone) {
  const bool has_lone = lone != nullptr;
  if (has_lone) sessions.push_back(std::move(lone));
  const base::Status warm = warm_up(source, completed, sessions);
  if (has_lone) {
    lone = std::move(sessions.back());
    sessions.pop_back();
  }
  return warm;
}

}  // namespace

LoadedModel::LoadedModel(CompletedModel completed, schedule::MetricsPointer metrics,
                         std::shared_ptr<Ended> ended)
    : completed_(std::move(completed)), ended_(std::move(ended)), metrics_(std::move(metrics)) {}

LoadedModel::~LoadedModel() = default;

base::Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const ModelSource& source,
                                                             const engine::EngineSet& engines,
                                                             observe::Registry& registry,
                                                             const LoadOptions& options) {
  const std::optional<cache::Digest> files_before = files_to_share(source, options.cache);
  auto opened = open_model(source, engines, options);
  if (!opened) return std::unexpected(std::move(opened.error()));
  CompletedModel& completed = opened->completed;
  const int threads = opened->options.threads;
  const bool on_loops = runs_on_loops(source, completed, threads, options);
  const std::size_t count =
      on_loops ? options.loops : instances_for(source, completed.policy, threads, options.processors);
  auto sessions = sessions_of(source, *opened, on_loops, count);
  if (!sessions) return std::unexpected(std::move(sessions.error()));
  auto lone = on_loops ? nullptr : lone_session(source, *opened);
  if (!lone) return std::unexpected(std::move(lone.error()));
  if (base::Status warm = warm_up_all(source, completed, *sessions, *lone); !warm) {
    return std::unexpected(std::move(warm.error()));
  }

  completed.policy.measured = profile(*sessions->front(), *opened, on_loops ? 1 : count);
  completed.policy.measured_is_guess = takes_any_size(*completed.signature);
  completed.probed.sample.clear();

  auto ended = std::make_shared<Ended>();
  schedule::MetricsPointer metrics(new schedule::ModelMetrics(registry, source.name, source.version),
                                   [ended](schedule::ModelMetrics* last) {
                                     delete last;
                                     if (*ended) (*ended)();
                                   });
  std::unique_ptr<LoadedModel> model(
      new LoadedModel(std::move(completed), std::move(metrics), std::move(ended)));
  model->engine_ = {opened->engine->name(), opened->engine->version(), threads,
                    std::string(device_name(opened->options.device))};
  const auto guarded = guard_settings(source, options.breaker);
  if (!guarded) return std::unexpected(guarded.error());
  if (const auto& settings = *guarded) {
    model->guard_ = std::make_shared<resilience::CallGuard>(*settings);
    model->guard_metrics_.emplace(
        registry, "saccade_model_breaker",
        observe::Labels{{"model", source.name}, {"version", source.version}},
        std::shared_ptr<const resilience::CircuitBreaker>(model->guard_, &model->guard_->breaker()));
  }
  model->config_ = completed_config(source, model->completed_, opened->engine->name(), opened->options,
                                    on_loops ? 1 : count);
  model->cache_identity_ = saccade::model::cache_identity(source, options.cache, files_before,
                                                          model->engine_.name + " " + model->engine_.version);
  schedule::BatchPolicy& policy = model->completed_.policy;
  if (on_loops) {
    model->scheduler_ =
        schedule::make_loop_scheduler(*std::move(sessions), policy, model->metrics_, options.disposal);
    return model;
  }
  policy.max_instances = count;
  const bool elsewhere = opened->options.device != engine::Device::kCpu;
  const std::size_t places = threads > 0 ? static_cast<std::size_t>(threads) : options.processors;
  model->scheduler_ = schedule::make_instance_scheduler(
      options.pool != nullptr ? options.pool : std::make_shared<schedule::RunPool>(options.processors),
      {.sessions = *std::move(sessions),
       .threads = elsewhere ? 0 : places,
       .lone = *std::move(lone),
       .lone_threads = static_cast<std::size_t>(opened->lone_threads),
       .run_time = model->run_time()},
      policy, model->metrics_);
  return model;
}

request::ModelStatistics LoadedModel::statistics() const {
  request::ModelStatistics sum = metrics_->statistics.sum();
  sum.name = completed_.signature->name;
  sum.version = completed_.signature->version;
  return sum;
}

void LoadedModel::count_cache_hit(std::int64_t items, base::TimePoint arrived, base::Duration in_cache) {
  const base::Duration after = arrived == base::TimePoint{} ? in_cache : base::now() - arrived;
  metrics_->succeeded.add();
  metrics_->statistics.cache_hit(items, after, in_cache);
}

void LoadedModel::count_expired(base::TimePoint arrived) {
  metrics_->timed_out.add();
  metrics_->dropped_deadline.add();
  metrics_->count_failed(arrived, arrived);
}

void LoadedModel::submit(schedule::Job job) {
  for (std::size_t i = 0; i < completed_.input_reshapes.size(); ++i) {
    reshape_input(completed_, i, job.request.inputs[i]);
  }
  scheduler_->submit(std::move(job));
}

}  // namespace saccade::model
