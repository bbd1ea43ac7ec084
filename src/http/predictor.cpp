#include "http/predictor.h"

#include <utility>

#include "protocol/predict_request.h"
#include "protocol/predict_response.h"
#include "serve/reply.h"

namespace saccade::http {
namespace {

class PredictReply final : public serve::Reply {
 public:
  PredictReply(const PredictCall& call, bool single, std::string client_id, Predictor::Answer answer)
      : options_{.single = single, .probabilities = call.probabilities},
        binary_(call.binary_answer),
        bare_(call.bare_answer),
        note_(call.note),
        client_id_(std::move(client_id)),
        answer_(std::move(answer)) {}

  base::Status encode(const serve::Answered& answered) override {
    protocol::append_result(result_, answered.response, answered.model, options_);
    if (binary_) {
      for (const auto& output : answered.response.outputs) {
        payload_.append(reinterpret_cast<const char*>(output.data), output.byte_size());
      }
    } else {
      payload_ = protocol::wrap_result(result_, answered.model,
                                       {.request_id = bare_ ? base::Uuid{} : answered.id,
                                        .unix_micros = answered.unix_micros,
                                        .client_id = client_id_});
    }
    if (note_ != nullptr) [[unlikely]] {
      note_->freshness = answered.response.freshness;
      note_->tag = entity_tag(bare_ ? payload_ : result_ + answered.model.version, bare_);
    }
    return {};
  }

  std::string log_result(const serve::Answered&) override { return "{" + result_ + "}"; }
  void send() override { answer_(std::move(payload_)); }
  void fail(base::Error error) override {
    answer_(std::unexpected(PredictFailure{std::move(error), std::move(client_id_)}));
  }

 private:
  const protocol::ResultOptions options_;
  const bool binary_;
  const bool bare_;
  const std::shared_ptr<CacheNote> note_;
  std::string client_id_;
  Predictor::Answer answer_;
  std::string result_;
  std::string payload_;
};

// Why a request is not run.
PredictFailure failure(const PredictCall& call, base::Error error) {
  const bool named = call.id_in_failure && !call.binary;
  return {std::move(error), named ? protocol::find_id(call.payload) : std::string()};
}

}  // namespace

void Predictor::predict(const serve::Service::ModelPointer& model, const PredictCall& call, Answer answer) {
  if (auto refused = model->would_refuse(*call.loop, call.arrived)) {
    return answer(std::unexpected(failure(call, *std::move(refused))));
  }
  const auto& signature = *model->signature();
  auto decoded = call.binary ? protocol::decode_raw(call.payload, signature)
                             : protocol::decode_predict(call.payload, signature);
  if (!decoded) {
    return answer(std::unexpected(failure(call, std::move(decoded.error()))));
  }

  serve::RecordOptions record{.wait = call.wait, .client_id = decoded->id, .input = {}};
  if (service_.logs_inputs() && !call.binary) record.input = call.payload;
  request::InferenceRequest request{.id = call.id,
                                    .inputs = std::move(decoded->inputs),
                                    .batch = decoded->batch,
                                    .caller_gone = call.gone,
                                    .caller = call.caller,
                                    .trace = call.trace,
                                    .arrived = call.arrived,
                                    .deadline = call.deadline,
                                    .cache = call.cache};
  auto reply =
      std::make_unique<PredictReply>(call, decoded->single, std::move(decoded->id), std::move(answer));
  serve::answer(service_, model, std::move(request), std::move(record), *call.loop, std::move(reply));
}

}  // namespace saccade::http
