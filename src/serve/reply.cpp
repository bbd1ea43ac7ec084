#include "serve/reply.h"

#include <chrono>
#include <utility>

namespace saccade::serve {
namespace {

// What is kept of a request while the model works on it.
struct Waiting {
  Service& service;
  std::shared_ptr<const request::ModelSignature> model;
  runtime::EventLoop& loop;
  base::Uuid id;
  base::TimePoint arrived;
  RecordOptions options;
  std::unique_ptr<Reply> reply;
};

void finish(Waiting waiting, const base::Result<request::InferenceResponse>& response) {
  Reply& reply = *waiting.reply;
  if (!response) return reply.fail(response.error());
  const Answered answered{
      .response = *response, .model = *waiting.model, .id = waiting.id, .unix_micros = base::unix_micros()};
  if (base::Status encoded = reply.encode(answered); !encoded) return reply.fail(std::move(encoded.error()));
  if (!waiting.service.logs()) return reply.send();

  std::string result = reply.log_result(answered);
  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(base::now() - waiting.arrived);
  record::Prediction row{.id = waiting.id,
                         .unix_micros = answered.unix_micros,
                         .model = std::move(waiting.model),
                         .client_id = std::move(waiting.options.client_id),
                         .result = std::move(result),
                         .latency_micros = latency.count(),
                         .input = std::move(waiting.options.input)};
  waiting.service.record(std::move(row), waiting.options.wait, waiting.loop,
                         [reply = std::move(waiting.reply)](base::Status ready) {
                           if (ready) return reply->send();
                           reply->fail(std::move(ready.error()));
                         });
}

}  // namespace

void answer(Service& service, const Service::ModelPointer& model, request::InferenceRequest request,
            RecordOptions options, runtime::EventLoop& loop, std::unique_ptr<Reply> reply) {
  request.id = base::Uuid::make();
  Waiting waiting{.service = service,
                  .model = model->signature(),
                  .loop = loop,
                  .id = request.id,
                  .arrived = request.arrived,
                  .options = std::move(options),
                  .reply = std::move(reply)};
  service.infer(model, std::move(request), loop,
                [waiting = std::move(waiting)](base::Result<request::InferenceResponse> response) mutable {
                  finish(std::move(waiting), response);
                });
}

}  // namespace saccade::serve
