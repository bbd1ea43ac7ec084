#include <algorithm>

#include "http/deadline.h"
#include "http/routes.h"
#include "http/websocket_session.h"

namespace saccade::http {
namespace {

using ModelResult = base::Result<serve::Service::ModelPointer>;

ModelResult find_model(serve::Service& service, const net::HttpRequest& request,
                       const PathParameters& parameters) {
  std::string version;
  if (!request.query.empty()) version = query_value(request.query, "version").value_or("");
  return service.catalog().find(parameters[0], version);
}

bool is_raw(std::string_view content_type) {
  return content_type.starts_with("application/octet-stream");
}

bool is_json(std::string_view content_type) {
  // Without a type, or with the one that curl's -d puts there by itself, the body is taken for JSON.
  return content_type.empty() || content_type.starts_with("application/json") ||
         content_type.starts_with("application/x-www-form-urlencoded") || content_type.starts_with("text/");
}

class PredictRoute {
 public:
  PredictRoute(serve::Service& service, Predictor& predictor, bool async)
      : service_(service), predictor_(predictor), async_(async) {}

  void operator()(const Call& call, const net::HttpRequest& request, const PathParameters& parameters) const {
    const ModelResult model = find_model(service_, request, parameters);
    if (!model) return call.fail(model.error());
    PredictCall predict{
        .payload = request.body, .loop = &call.loop(), .gone = call.gone(), .arrived = call.arrived()};
    const auto deadline = deadline_of(request, call.arrived());
    if (!deadline) return call.fail(deadline.error());
    predict.deadline = *deadline;
    const std::string_view content_type = request.header("content-type");
    predict.binary = is_raw(content_type);
    if (!predict.binary && !is_json(content_type)) {
      net::HttpResponse response = error_response(
          {base::Code::kInvalidArgument, "Content-Type is \"" + std::string(content_type.substr(0, 100)) +
                                             "\"; send application/json, or application/octet-stream for "
                                             "raw tensors"});
      response.status = 415;
      return call.respond(std::move(response));
    }
    const auto probabilities = query_flag(request.query, "probabilities", false);
    if (!probabilities) return call.fail(probabilities.error());
    predict.probabilities = *probabilities;
    if (async_) {
      predict.wait = record::Wait::kNothing;
    } else {
      const auto wait = query_flag(request.query, "wait_for_log", false);
      if (!wait) return call.fail(wait.error());
      if (*wait) predict.wait = record::Wait::kStored;
    }
    predictor_.predict(*model, predict, [call](std::expected<std::string, PredictFailure> answer) {
      if (!answer) return call.fail(answer.error().error);
      call.respond_json(*std::move(answer));
    });
  }

 private:
  serve::Service& service_;
  Predictor& predictor_;
  const bool async_;
};

Operation predict_operation(std::string id, std::string summary, bool async) {
  Operation operation{
      .id = std::move(id),
      .tag = "predict",
      .summary = std::move(summary),
      .description =
          "One item gets one answer, a list of items gets a list. As `application/octet-stream` the body is "
          "the elements themselves, little-endian, for a model with a single input.",
      .parameters = {in_query("version", "Which version of the model; the highest where it is left out."),
                     in_query("probabilities", "A classifier's answer lists the probability of every class.",
                              schema::kFlag),
                     in_timeout_header()},
      .body = {json("PredictRequest"), {"application/octet-stream", schema::kBytes, {}}},
      .answers = {json_answer(200, "The prediction.", "PredictAnswer")},
      .errors = {404, 415, 500, 503, 504}};
  if (!async) {
    operation.parameters.push_back(
        in_query("wait_for_log", "Answer when the prediction is stored in the log; else as --log-mode says.",
                 schema::kFlag));
  }
  return operation;
}

Operation websocket_operation(std::string id, std::string summary) {
  return {
      .id = std::move(id),
      .tag = "websocket",
      .summary = std::move(summary),
      .description =
          "Each text message is what the body of `/predict` is, each binary one raw elements; answers "
          "come in the order of the messages.",
      .parameters = {in_query("version",
                              "Which version of the model; the newest at each message where it is left "
                              "out."),
                     in_query("probabilities", "Answers list the probability of every class.", schema::kFlag),
                     in_query("response", "How answers are written.", R"({"enum":["json","binary"]})"),
                     in_query("timeout_ms", "How long each message's answer is worth waiting for.",
                              R"({"type":"number","exclusiveMinimum":0})")},
      .answers = {{101, "The connection is a WebSocket from here on."}},
      .errors = {404, 426}};
}

}  // namespace

void add_predict_routes(Router& router, serve::Service& service, Predictor& predictor) {
  const PredictRoute predict(service, predictor, false);
  const PredictRoute predict_async(service, predictor, true);
  router.add("POST", "/predict",
             predict_operation("predictDefault", "Predict with the default model.", false), predict);
  router.add("POST", "/predict/{model}", predict_operation("predict", "Predict with a model.", false),
             predict);
  router.add("POST", "/predict-async",
             predict_operation("predictDefaultAsync",
                               "Predict with the default model; never waits for the log.", true),
             predict_async);
  router.add("POST", "/predict-async/{model}",
             predict_operation("predictAsync", "Predict with a model; never waits for the log.", true),
             predict_async);

  const auto websocket = [&service, &predictor](const Call& call, const net::HttpRequest& request,
                                                const PathParameters& parameters) {
    const ModelResult model = find_model(service, request, parameters);
    if (!model) return call.fail(model.error());
    const auto probabilities = query_flag(request.query, "probabilities", false);
    if (!probabilities) return call.fail(probabilities.error());
    const std::string response = query_value(request.query, "response").value_or("json");
    if (response != "json" && response != "binary") {
      return call.fail({base::Code::kInvalidArgument, "query parameter \"response\" takes json or binary"});
    }
    base::Duration timeout{0};
    if (const auto asked = query_value(request.query, "timeout_ms")) {
      const auto until = deadline_after_ms(*asked, "query parameter \"timeout_ms\"", base::TimePoint{});
      if (!until) return call.fail(until.error());
      timeout = *until - base::TimePoint{};
    }
    const auto& outputs = (*model)->signature()->outputs;
    const bool strings = std::ranges::any_of(
        outputs, [](const auto& output) { return output.type == tensor::DataType::kBytes; });
    if (response == "binary" && strings) {
      return call.fail({base::Code::kInvalidArgument,
                        "the model answers with strings, which have no raw form; leave out response=binary"});
    }
    call.accept_websocket(
        request, std::make_unique<PredictSession>(
                     service, predictor,
                     PredictSession::Options{.model = (*model)->signature()->name,
                                             .version = query_value(request.query, "version").value_or(""),
                                             .probabilities = *probabilities,
                                             .binary_answers = response == "binary",
                                             .timeout = timeout}));
  };
  router.add("GET", "/ws/predict",
             websocket_operation("websocketDefault", "Predictions over WebSocket by the default model."),
             websocket);
  router.add("GET", "/ws/predict/{model}",
             websocket_operation("websocket", "Predictions over WebSocket by a model."), websocket);
}

}  // namespace saccade::http
