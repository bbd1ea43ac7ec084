#include "serve/service.h"

#include "quality/judge.h"
#include "serve/guarded_infer.h"

namespace saccade::serve {
namespace {

base::Error no_log() {
  return {base::Code::kNotFound,
          "the prediction log is off; start the server with --log sqlite:predictions.db"};
}

base::Status no_repository() {
  return base::fail(base::Code::kUnavailable, "this server has no model repository");
}

record::Wait wait_of(LogMode mode) {
  switch (mode) {
    case LogMode::kDrop:
      return record::Wait::kNothing;
    case LogMode::kBlock:
      return record::Wait::kAccepted;
    case LogMode::kDurable:
      return record::Wait::kStored;
  }
  return record::Wait::kNothing;
}

}  // namespace

Service::Service(observe::Registry& registry, std::unique_ptr<record::PredictionLog> log, LogMode log_mode,
                 bool log_inputs)
    : registry_(registry),
      tracer_(registry),
      monitor_(log == nullptr ? nullptr
                              : std::make_unique<quality::Monitor>(registry, quality::MonitorOptions())),
      log_(std::move(log)),
      log_mode_(log_mode),
      log_inputs_(log_inputs) {
  if (log_ != nullptr) log_workers_ = std::make_unique<runtime::WorkerPool>(1);
}

Service::~Service() = default;

// Completes the trace when the answer is there, then passes it on.
schedule::Done Service::trace(std::shared_ptr<const request::ModelSignature> model,
                              const request::InferenceRequest& request, const record::TraceSettings& settings,
                              schedule::Done done) {
  record::Trace trace{.model = std::move(model),
                      .client_id = request.client_id,
                      .arrived = request.arrived,
                      .timings = {},
                      .ended = {},
                      .frequency = settings.frequency};
  return [this, trace = std::move(trace),
          done = std::move(done)](base::Result<request::InferenceResponse> response) mutable {
    if (response) trace.timings = response->timings;
    trace.ended = base::now();
    tracer_.add(std::move(trace));
    done(std::move(response));
  };
}

void Service::infer(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
                    schedule::Done done) {
  using Uncounted = request::Caller::Uncounted;
  if (limiter_ != nullptr && request.caller && request.caller->uncounted != Uncounted::kNothing) [[unlikely]]
    return count(model, std::move(request), loop, std::move(done));
  admit(model, std::move(request), loop, std::move(done));
}

void Service::count(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
                    schedule::Done done) {
  const std::shared_ptr<const request::Caller> caller = request.caller;
  const limit::Call call{.caller = caller->name,
                         .address = caller->address,
                         .model = model->signature()->name,
                         .models_only = caller->uncounted == request::Caller::Uncounted::kModel};
  auto decision = limiter_->take(call, loop, [&]() -> limit::Limiter::Later {
    return [this, model, request = std::move(request), &loop,
            done = std::move(done)](const limit::Decision& last) mutable {
      if (!last.allowed) return done(std::unexpected(last.error()));
      admit(model, std::move(request), loop, std::move(done));
    };
  });
  if (!decision) return;
  if (!decision->allowed) return done(std::unexpected(decision->error()));
  admit(model, std::move(request), loop, std::move(done));
}

void Service::admit(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
                    schedule::Done done) {
  if (load_limits_) [[unlikely]] {
    if (auto refused = load_limits_->enter(request, done)) return done(std::unexpected(*std::move(refused)));
  }
  // Where an objective is stated, the protocol's timeout is the request's own deadline; otherwise it means
  // what the model's queue policy says, as in Triton.
  if (model->policy().objective.stated() && request.queue_timeout.count() > 0 &&
      request.queue_timeout < request.deadline - request.arrived) {
    request.deadline = request.arrived + request.queue_timeout;
  }
  if (const auto traced = tracer_.sampler().sample(model->signature()->name)) {
    done = trace(model->signature(), request, *traced, std::move(done));
  }
  if (model->cache_identity() != nullptr && cached_ != nullptr) [[unlikely]] {
    return cached_->infer(model, std::move(request), loop, std::move(done));
  }
  run(model, std::move(request), loop, std::move(done));
}

void Service::run(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
                  schedule::Done done) {
  if (model->guard() != nullptr) [[unlikely]] {
    if (auto refused = guard(model, done)) return done(std::unexpected(*std::move(refused)));
  }
  model->submit({std::move(request), std::move(done), &loop, {}});
}

void Service::set_cache(const cache::Settings& settings, redis::Client* redis) {
  cached_ = std::make_unique<CachedInfer>(
      settings, registry_, redis,
      [this](const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done) { run(model, std::move(request), loop, std::move(done)); });
}

void Service::record(record::Prediction prediction, std::optional<record::Wait> asked,
                     runtime::EventLoop& loop, record::PredictionLog::Done ready) {
  if (log_ == nullptr) return ready({});
  const record::Wait wait = asked.value_or(wait_of(log_mode_));
  if (wait == record::Wait::kNothing) {
    ready({});
    return log_->append(std::move(prediction), wait, nullptr);
  }
  log_->append(std::move(prediction), wait, [&loop, ready = std::move(ready)](base::Status status) mutable {
    if (!status) {
      status = base::fail(base::Code::kUnavailable,
                          "the prediction could not be logged: " + status.error().message);
    }
    if (runtime::EventLoop::current() == &loop) return ready(std::move(status));
    loop.post([ready = std::move(ready), status = std::move(status)]() mutable { ready(std::move(status)); });
  });
}

void Service::add_feedback(record::Feedback feedback, runtime::EventLoop& loop, Kept kept) {
  if (log_ == nullptr) return kept(std::unexpected(no_log()));
  std::string truth = feedback.truth;
  const double weight = feedback.weight;
  log_->append_feedback(std::move(feedback), [this, truth = std::move(truth), weight, &loop,
                                              kept = std::move(kept)](
                                                 base::Result<record::FeedbackOutcome> outcome) mutable {
    base::Status status;
    if (!outcome) {
      status = std::unexpected(std::move(outcome.error()));
    } else if (outcome->first) {  // what takes the place of earlier feedback was counted with that
      if (auto judged = quality::judge(outcome->result, truth, weight)) {
        monitor_->add_feedback(outcome->model, outcome->version, *judged);
      }
    }
    loop.post([kept = std::move(kept), status = std::move(status)]() mutable { kept(std::move(status)); });
  });
}

void Service::find_prediction(const base::Uuid& id, runtime::EventLoop& loop, Found found) {
  if (log_ == nullptr) return found(std::unexpected(no_log()));
  log_workers_->post([this, id, &loop, found = std::move(found)]() mutable {
    loop.post([found = std::move(found), result = log_->find(id)]() mutable { found(std::move(result)); });
  });
}

void Service::list_predictions(const record::Query& query, runtime::EventLoop& loop, Listed listed) {
  if (log_ == nullptr) return listed(std::unexpected(no_log()));
  log_workers_->post([this, query, &loop, listed = std::move(listed)]() mutable {
    loop.post(
        [listed = std::move(listed), result = log_->list(query)]() mutable { listed(std::move(result)); });
  });
}

void Service::set_repository(std::unique_ptr<model::LiveRepository> repository, bool strict_readiness) {
  repository_ = std::move(repository);
  strict_readiness_ = strict_readiness;
}

bool Service::ready() const {
  if (!ready_.load()) return false;
  return repository_ == nullptr || !strict_readiness_ || repository_->complete();
}

std::vector<model::IndexEntry> Service::repository_index(bool ready_only) const {
  if (repository_ != nullptr) return repository_->index(ready_only);
  std::vector<model::IndexEntry> entries;
  for (const ModelPointer& model : catalog_.all()) {
    entries.push_back({.name = model->signature()->name,
                       .version = model->signature()->version,
                       .state = model::ModelState::kReady,
                       .reason = {}});
  }
  return entries;
}

void Service::fresh_index(bool ready_only, runtime::EventLoop& loop, Indexed indexed) {
  workers_->post([this, ready_only, &loop, indexed = std::move(indexed)]() mutable {
    if (repository_ != nullptr && !ready_only) repository_->refresh();
    loop.post([indexed = std::move(indexed), entries = repository_index(ready_only)]() mutable {
      indexed(std::move(entries));
    });
  });
}

// Brings an answer from whichever thread it comes to the caller's loop.
Service::Changed Service::on_loop(runtime::EventLoop& loop, Changed changed) {
  return [&loop, changed = std::move(changed)](base::Status status) mutable {
    loop.post(
        [changed = std::move(changed), status = std::move(status)]() mutable { changed(std::move(status)); });
  };
}

void Service::load_model(std::string name, model::LoadOverride override, runtime::EventLoop& loop,
                         Changed changed) {
  if (repository_ == nullptr) return on_loop(loop, std::move(changed))(no_repository());
  repository_->load(std::move(name), std::move(override), on_loop(loop, std::move(changed)));
}

// No model here depends on another, so there are no dependents to unload with it.
void Service::unload_model(std::string name, bool /*dependents*/, runtime::EventLoop& loop, Changed changed) {
  if (repository_ == nullptr) return on_loop(loop, std::move(changed))(no_repository());
  repository_->unload(std::move(name), on_loop(loop, std::move(changed)));
}

base::Result<std::vector<request::ModelStatistics>> Service::statistics(std::string_view name,
                                                                        std::string_view version) const {
  std::vector<request::ModelStatistics> all;
  for (const ModelPointer& model : catalog_.all()) {
    const request::ModelSignature& signature = *model->signature();
    if (!name.empty() && signature.name != name) continue;
    if (!version.empty() && signature.version != version) continue;
    all.push_back(model->statistics());
  }
  if (!all.empty() || name.empty()) return all;
  // Says what there is.
  const auto found = catalog_.find(name, version);
  if (!found) return std::unexpected(found.error());
  return std::vector{(*found)->statistics()};
}

void Service::close() {
  if (repository_ != nullptr) repository_->close();
  catalog_.clear();
  workers_.reset();
  log_workers_.reset();
  if (log_ != nullptr) log_->close();
}

}  // namespace saccade::serve
