#include "serve/reply.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "observe/log.h"
#include "serve/door.h"

namespace saccade::serve {
namespace {

// What is kept of a request while the model works on it.
struct Waiting {
  Service& service;
  std::shared_ptr<const request::ModelSignature> model;
  runtime::EventLoop& loop;
  base::Uuid id;
  base::TimePoint arrived;
  std::int64_t items;
  std::shared_ptr<request::Trace> trace;
  RecordOptions options;
  std::unique_ptr<Reply> reply;
  std::shared_ptr<quality::ModelQuality> sampled;  // where the answer is looked at; mostly null
};

// At most one line a second, so that a model that always fails does not fill the disk.
void log_failure(const Waiting& waiting, const base::Error& error) {
  static std::atomic<std::int64_t> last{0};
  const std::int64_t second = base::unix_micros() / 1'000'000;
  if (last.exchange(second, std::memory_order_relaxed) == second) return;
  const std::string trace =
      waiting.trace ? ", trace " + request::to_text(waiting.trace->context().trace_id) : "";
  observe::log_error("request {}{}: {} version {} failed: {}", waiting.id.text(), trace, waiting.model->name,
                     waiting.model->version, error.message);
}

void finish(Waiting waiting, const base::Result<request::InferenceResponse>& response) {
  Reply& reply = *waiting.reply;
  if (!response) {
    if (response.error().code == base::Code::kInternal) [[unlikely]]
      log_failure(waiting, response.error());
    return reply.fail(response.error());
  }
  if (waiting.trace) [[unlikely]]
    waiting.trace->answered(*waiting.model, waiting.items, response->timings);
  if (waiting.sampled) [[unlikely]]
    waiting.sampled->add_answer(*response);
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
  // The transports look earlier, where they can; nothing gets past this.
  if (request.caller && !request.caller->may_use(model->signature()->name)) [[unlikely]]
    return reply->fail(Door::wrong_model(*request.caller, model->signature()->name));
  if (request.id == base::Uuid{}) request.id = base::Uuid::make();
  Waiting waiting{.service = service,
                  .model = model->signature(),
                  .loop = loop,
                  .id = request.id,
                  .arrived = request.arrived,
                  .items = request.batch,
                  .trace = request.trace,
                  .options = std::move(options),
                  .reply = std::move(reply),
                  .sampled = {}};
  if (quality::Monitor* monitor = service.monitor()) {
    waiting.sampled = monitor->sample(waiting.model, request.inputs, request.arrived);
  }
  service.infer(model, std::move(request), loop,
                [waiting = std::move(waiting)](base::Result<request::InferenceResponse> response) mutable {
                  finish(std::move(waiting), response);
                });
}

}  // namespace saccade::serve
