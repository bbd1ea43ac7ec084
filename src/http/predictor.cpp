#include "http/predictor.h"

#include <utility>

#include "protocol/predict_request.h"
#include "protocol/predict_response.h"

namespace saccade::http {

// What is kept of a request while the model works on it.
struct Predictor::Context {
  std::shared_ptr<const request::ModelSignature> model;
  runtime::EventLoop* loop = nullptr;
  Answer answer;
  base::Uuid id;
  base::TimePoint arrived{};
  std::string client_id;
  std::string input;
  bool single = true;
  bool probabilities = false;
  bool binary_answer = false;
  record::Wait wait = record::Wait::kNothing;
};

record::Wait Predictor::wait_for(const std::optional<record::Wait>& asked) const {
  if (!service_.logs()) return record::Wait::kNothing;
  if (asked) return *asked;
  switch (service_.log_mode()) {
    case serve::LogMode::kDrop:
      return record::Wait::kNothing;
    case serve::LogMode::kBlock:
      return record::Wait::kAccepted;
    case serve::LogMode::kDurable:
      return record::Wait::kStored;
  }
  return record::Wait::kNothing;
}

void Predictor::predict(const serve::Service::ModelPointer& model, const PredictCall& call, Answer answer) {
  const auto& signature = model->signature();
  auto decoded = call.binary ? protocol::decode_raw(call.payload, *signature)
                             : protocol::decode_predict(call.payload, *signature);
  if (!decoded) {
    std::string id = call.binary ? std::string() : protocol::find_id(call.payload);
    return answer(std::unexpected(PredictFailure{std::move(decoded.error()), std::move(id)}));
  }

  Context context{.model = signature,
                  .loop = call.loop,
                  .answer = std::move(answer),
                  .id = base::Uuid::make(),
                  .arrived = call.arrived,
                  .client_id = std::move(decoded->id),
                  .input = {},
                  .single = decoded->single,
                  .probabilities = call.probabilities,
                  .binary_answer = call.binary_answer,
                  .wait = wait_for(call.wait)};
  if (service_.logs_inputs() && !call.binary) context.input = call.payload;
  request::InferenceRequest request{.id = context.id,
                                    .client_id = {},
                                    .inputs = std::move(decoded->inputs),
                                    .batch = decoded->batch,
                                    .caller_gone = call.gone,
                                    .arrived = call.arrived};
  service_.infer(
      model, std::move(request), *call.loop,
      [this, context = std::move(context)](base::Result<request::InferenceResponse> response) mutable {
        finish(std::move(context), std::move(response));
      });
}

void Predictor::finish(Context context, base::Result<request::InferenceResponse> response) {
  if (!response) {
    return context.answer(
        std::unexpected(PredictFailure{std::move(response.error()), std::move(context.client_id)}));
  }
  std::string result;
  protocol::append_result(result, *response, *context.model,
                          {.single = context.single, .probabilities = context.probabilities});
  const std::int64_t now = base::unix_micros();
  std::string payload;
  if (context.binary_answer) {
    for (const auto& output : response->outputs) {
      payload.append(reinterpret_cast<const char*>(output.data), output.byte_size());
    }
  } else {
    payload =
        protocol::wrap_result(result, *context.model,
                              {.request_id = context.id, .unix_micros = now, .client_id = context.client_id});
  }
  if (!service_.logs()) return context.answer(std::move(payload));

  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(base::now() - context.arrived);
  record::Prediction row{.id = context.id,
                         .unix_micros = now,
                         .model = std::move(context.model),
                         .client_id = std::move(context.client_id),
                         .result = "{" + result + "}",
                         .latency_micros = latency.count(),
                         .input = std::move(context.input)};
  if (context.wait == record::Wait::kNothing) {
    context.answer(std::move(payload));
    return service_.record(std::move(row), context.wait, *context.loop, nullptr);
  }
  std::string client_id = row.client_id;
  service_.record(
      std::move(row), context.wait, *context.loop,
      [answer = std::move(context.answer), payload = std::move(payload),
       client_id = std::move(client_id)](base::Status stored) mutable {
        if (stored) return answer(std::move(payload));
        answer(std::unexpected(PredictFailure{
            {base::Code::kUnavailable, "the prediction could not be logged: " + stored.error().message},
            std::move(client_id)}));
      });
}

}  // namespace saccade::http
