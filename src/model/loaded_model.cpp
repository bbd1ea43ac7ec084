#include "model/loaded_model.h"

#include <algorithm>

#include "model/completed_config.h"
#include "model/reshape.h"
#include "model/session_settings.h"
#include "model/warmup.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

using Sessions = std::vector<std::unique_ptr<engine::Session>>;

// Whether requests can be of any size: then a made-up one tells little about how long a real one takes.
bool takes_any_size(const request::ModelSignature& signature) {
  return std::ranges::any_of(signature.inputs, [&](const request::TensorSpec& input) {
    const bool batch_first = signature.batches() && input.shape.rank() > 0;
    return (batch_first ? input.shape.without_first() : input.shape).has_free_dimension();
  });
}

bool runs_on_loops(const ModelSource& source, const CompletedModel& completed, const LoadOptions& options) {
  return completed.probed.ran && !takes_any_size(*completed.signature) &&
         completed.probed.run_time <= options.loop_run_limit &&
         completed.policy.max_queue_delay.count() == 0 && source.config.instance_count == 0;
}

std::size_t sessions_for(const ModelSource& source, bool on_loops, int threads, const LoadOptions& options) {
  if (on_loops) return options.loops;
  if (source.config.instance_count > 0) return static_cast<std::size_t>(source.config.instance_count);
  const auto each = static_cast<std::size_t>(std::max(threads, 1));
  return std::max<std::size_t>(options.processors / each, 1);
}

}  // namespace

LoadedModel::LoadedModel(CompletedModel completed, schedule::MetricsPointer metrics,
                         std::shared_ptr<Ended> ended)
    : completed_(std::move(completed)), ended_(std::move(ended)), metrics_(std::move(metrics)) {}

LoadedModel::~LoadedModel() = default;

base::Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const ModelSource& source,
                                                             engine::Engine& engine,
                                                             observe::Registry& registry,
                                                             const LoadOptions& options) {
  const auto settings = session_settings(source);
  if (!settings) return std::unexpected(settings.error());
  auto session = engine.open(source.file, settings->options);
  if (!session) return std::unexpected(session.error());
  auto completed = complete(source, **session, engine.name() + "_onnx", options.batching);
  if (!completed) return std::unexpected(completed.error());
  completed->warnings.insert(completed->warnings.end(), settings->warnings.begin(), settings->warnings.end());

  const bool on_loops = runs_on_loops(source, *completed, options);
  const std::size_t count = sessions_for(source, on_loops, settings->options.threads, options);
  Sessions sessions;
  sessions.push_back(*std::move(session));
  while (sessions.size() < count) {
    auto another = engine.open(source.file, settings->options);
    if (!another) return std::unexpected(another.error());
    sessions.push_back(*std::move(another));
  }
  if (base::Status warm = warm_up(source, *completed, sessions); !warm) {
    return std::unexpected(std::move(warm.error()));
  }

  completed->probed.sample.clear();

  auto ended = std::make_shared<Ended>();
  schedule::MetricsPointer metrics(new schedule::ModelMetrics(registry, source.name, source.version),
                                   [ended](schedule::ModelMetrics* last) {
                                     delete last;
                                     if (*ended) (*ended)();
                                   });
  std::unique_ptr<LoadedModel> model(
      new LoadedModel(*std::move(completed), std::move(metrics), std::move(ended)));
  model->config_ = completed_config(source, model->completed_, engine.name(), on_loops ? 1 : count);
  const schedule::BatchPolicy& policy = model->completed_.policy;
  model->scheduler_ =
      on_loops ? schedule::make_loop_scheduler(std::move(sessions), policy, model->metrics_, options.disposal)
               : schedule::make_instance_scheduler(std::move(sessions), policy, model->metrics_);
  return model;
}

request::ModelStatistics LoadedModel::statistics() const {
  request::ModelStatistics sum = metrics_->statistics.sum();
  sum.name = completed_.signature->name;
  sum.version = completed_.signature->version;
  return sum;
}

void LoadedModel::submit(schedule::Job job) {
  for (std::size_t i = 0; i < completed_.input_reshapes.size(); ++i) {
    reshape_input(completed_, i, job.request.inputs[i]);
  }
  scheduler_->submit(std::move(job));
}

}  // namespace saccade::model
