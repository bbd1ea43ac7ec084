#include "serve/service.h"

namespace saccade::serve {
namespace {

base::Error no_log() {
  return {base::Code::kNotFound,
          "the prediction log is off; start the server with --log sqlite:predictions.db"};
}

}  // namespace

Service::Service(observe::Registry& registry, std::unique_ptr<record::PredictionLog> log, LogMode log_mode,
                 bool log_inputs)
    : registry_(registry), log_(std::move(log)), log_mode_(log_mode), log_inputs_(log_inputs) {}

Service::~Service() = default;

void Service::infer(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
                    schedule::Done done) {
  model->submit({std::move(request), std::move(done), &loop, {}});
}

void Service::record(record::Prediction prediction, record::Wait wait, runtime::EventLoop& loop,
                     record::PredictionLog::Done done) {
  if (wait == record::Wait::kNothing) return log_->append(std::move(prediction), wait, nullptr);
  log_->append(std::move(prediction), wait, [&loop, done = std::move(done)](base::Status status) mutable {
    if (runtime::EventLoop::current() == &loop) return done(std::move(status));
    loop.post([done = std::move(done), status = std::move(status)]() mutable { done(std::move(status)); });
  });
}

void Service::find_prediction(const base::Uuid& id, runtime::EventLoop& loop, Found found) {
  if (log_ == nullptr) return found(std::unexpected(no_log()));
  workers_->post([this, id, &loop, found = std::move(found)]() mutable {
    loop.post([found = std::move(found), result = log_->find(id)]() mutable { found(std::move(result)); });
  });
}

void Service::list_predictions(const record::Query& query, runtime::EventLoop& loop, Listed listed) {
  if (log_ == nullptr) return listed(std::unexpected(no_log()));
  workers_->post([this, query, &loop, listed = std::move(listed)]() mutable {
    loop.post(
        [listed = std::move(listed), result = log_->list(query)]() mutable { listed(std::move(result)); });
  });
}

void Service::close() {
  catalog_.clear();
  workers_.reset();
  if (log_ != nullptr) log_->close();
}

}  // namespace saccade::serve
