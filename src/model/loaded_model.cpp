#include "model/loaded_model.h"

namespace saccade::model {

base::Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const ModelSource& source,
                                                             engine::Engine& engine,
                                                             observe::Registry& registry,
                                                             const LoadOptions& options) {
  const engine::SessionOptions session_options{.threads = 1};
  auto session = engine.open(source.file, session_options);
  if (!session) return std::unexpected(session.error());
  auto completed = complete(source, **session, engine.name() + "_onnx", options.batching);
  if (!completed) return std::unexpected(completed.error());

  auto metrics = std::make_unique<schedule::ModelMetrics>(registry, source.name, source.version);
  const base::Duration run_time = completed->probed.run_time;
  const bool on_loops = completed->probed.ran && run_time <= options.loop_run_limit &&
                        completed->policy.max_queue_delay.count() == 0 && source.config.instance_count == 0;
  const std::size_t asked = static_cast<std::size_t>(source.config.instance_count);
  const std::size_t count = on_loops ? options.loops : asked > 0 ? asked : options.processors;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(*std::move(session));
  while (sessions.size() < count) {
    auto another = engine.open(source.file, session_options);
    if (!another) return std::unexpected(another.error());
    sessions.push_back(*std::move(another));
  }

  std::unique_ptr<LoadedModel> model(new LoadedModel(*std::move(completed), std::move(metrics)));
  const schedule::BatchPolicy& policy = model->completed_.policy;
  model->scheduler_ = on_loops
                          ? schedule::make_loop_scheduler(std::move(sessions), policy, *model->metrics_)
                          : schedule::make_instance_scheduler(std::move(sessions), policy, *model->metrics_);
  return model;
}

void LoadedModel::submit(schedule::Job job) {
  for (std::size_t i = 0; i < completed_.input_reshapes.size(); ++i) {
    const auto& own = completed_.input_reshapes[i];
    if (!own) continue;
    tensor::Tensor& input = job.request.inputs[i];
    tensor::Shape shape = *own;
    // Free dimensions keep their order on both sides of a reshape.
    std::size_t next = 0;
    const tensor::Shape sent = input.shape();
    const tensor::Shape& declared = completed_.signature->inputs[i].shape;
    const std::size_t first = completed_.signature->batches() ? 1 : 0;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] >= 0) continue;
      while (first + next < declared.rank() && declared[first + next] >= 0) ++next;
      if (first + next < sent.rank()) shape[axis] = sent[first + next];
      ++next;
    }
    input.reshape(first == 1 ? shape.with_first(sent[0]) : shape);
  }
  scheduler_->submit(std::move(job));
}

}  // namespace saccade::model
