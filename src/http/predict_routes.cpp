#include <algorithm>

#include "base/base64.h"
#include "http/cache_headers.h"
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

void note_caching(PredictCall& predict, const Call& call, const net::HttpRequest& request) {
  predict.cache = cache_wishes(request);
  predict.note = std::make_shared<CacheNote>();
  predict.note->for_one = speaks_for_itself(request, call.peer().certificate);
}

class PredictRoute {
 public:
  PredictRoute(serve::Service& service, Predictor& predictor, bool async)
      : service_(service), predictor_(predictor), async_(async) {}

  void operator()(const Call& call, const net::HttpRequest& request, const PathParameters& parameters) const {
    const ModelResult model = find_model(service_, request, parameters);
    if (!model) return call.fail(model.error());
    if (!call.may_use((*model)->signature()->name)) return;
    PredictCall predict{.payload = request.body,
                        .id = call.id(),
                        .trace = call.trace(),
                        .caller = call.caller(),
                        .loop = &call.loop(),
                        .gone = call.gone(),
                        .arrived = call.arrived()};
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
    if ((*model)->cache_identity() != nullptr) [[unlikely]] {
      note_caching(predict, call, request);
    }
    predictor_.predict(*model, predict,
                       [call, note = predict.note](std::expected<std::string, PredictFailure> answer) {
                         if (!answer) return call.fail(answer.error().error);
                         net::HttpResponse response{.body = *std::move(answer), .headers = {}};
                         if (note != nullptr) [[unlikely]]
                           add_cache_headers(response, *note);
                         call.respond(std::move(response));
                       });
  }

 private:
  serve::Service& service_;
  Predictor& predictor_;
  const bool async_;
};

// The same as POST, the input in the URL, for whoever caches by URL. Its answers say neither the prediction's
// id nor the time, so that the same input has the same bytes.
class GetPredictRoute {
 public:
  // Longer URLs are refused by much that lies between a caller and here.
  static constexpr std::size_t kLongestInput = 8192;

  GetPredictRoute(serve::Service& service, Predictor& predictor) : service_(service), predictor_(predictor) {}

  void operator()(const Call& call, const net::HttpRequest& request, const PathParameters& parameters) const {
    const ModelResult model = find_model(service_, request, parameters);
    if (!model) return call.fail(model.error());
    if (!call.may_use((*model)->signature()->name)) return;
    if ((*model)->cache_identity() == nullptr) return refuse(call, request, (*model)->signature()->name);
    PredictCall predict{.bare_answer = true,
                        .id = call.id(),
                        .trace = call.trace(),
                        .caller = call.caller(),
                        .loop = &call.loop(),
                        .gone = call.gone(),
                        .arrived = call.arrived()};
    std::string payload;
    if (const base::Status read = read_payload(request.query, payload, predict.binary); !read) {
      return call.fail(read.error());
    }
    predict.payload = payload;
    const auto deadline = deadline_of(request, call.arrived());
    if (!deadline) return call.fail(deadline.error());
    predict.deadline = *deadline;
    const auto probabilities = query_flag(request.query, "probabilities", false);
    if (!probabilities) return call.fail(probabilities.error());
    predict.probabilities = *probabilities;
    note_caching(predict, call, request);
    predictor_.predict(*model, predict,
                       [call, note = predict.note, known = std::string(request.header("if-none-match"))](
                           std::expected<std::string, PredictFailure> answer) {
                         if (!answer) return call.fail(answer.error().error);
                         if (names_tag(known, note->tag)) return call.respond(not_modified(*note));
                         net::HttpResponse response{.body = *std::move(answer), .headers = {}};
                         add_cache_headers(response, *note);
                         call.respond(std::move(response));
                       });
  }

 private:
  static void refuse(const Call& call, const net::HttpRequest& request, const std::string& model) {
    net::HttpResponse response =
        error_response({base::Code::kMethodNotAllowed,
                        std::string(request.path.substr(0, 200)) +
                            " takes POST, not GET: that is for models whose answers are "
                            "cached (--cache " +
                            model + ", or response_cache { enable: true } in its config.pbtxt)"});
    response.headers.emplace_back("Allow", "POST");
    call.respond(std::move(response));
  }

  // `payload` gets the padding that decoding needs behind it.
  static base::Status read_payload(std::string_view query, std::string& payload, bool& binary) {
    const auto input = query_value(query, "input");
    auto raw = query_value(query, "b64");
    if (input.has_value() == raw.has_value()) {
      return base::invalid_argument(
          "a GET carries its input in the query: either input=, the JSON that POST takes (percent-encoded), "
          "or "
          "b64=, raw elements in base64url");
    }
    const std::size_t length = input ? input->size() : raw->size();
    if (length > kLongestInput) {
      return base::fail(base::Code::kTooLarge, std::string("query parameter \"") + (input ? "input" : "b64") +
                                                   "\" has " + std::to_string(length) +
                                                   " characters; a GET takes up to " +
                                                   std::to_string(kLongestInput) + ", send POST for more");
    }
    binary = raw.has_value();
    if (input) {
      payload = *input;
    } else {
      std::ranges::replace(*raw, '-', '+');
      std::ranges::replace(*raw, '_', '/');
      if (!base::decode_base64(*raw, payload)) {
        return base::invalid_argument("query parameter \"b64\" is no base64url (RFC 4648, section 5)");
      }
    }
    payload.reserve(payload.size() + net::kBodyPadding);
    return {};
  }

  serve::Service& service_;
  Predictor& predictor_;
};

Operation get_operation(std::string id, std::string summary) {
  return {
      .id = std::move(id),
      .tag = "predict",
      .right = Right::kPredict,
      .summary = std::move(summary),
      .description =
          "For models whose response cache is on, so that browsers, CDNs and other caches can keep the "
          "answer: the input is in the URL, and the answer, which says neither an id nor a time, has `ETag`, "
          "`Cache-Control` and `Age`. One of `input` and `b64` is needed, up to 8192 characters.",
      .parameters = {in_query("input", "What the body of POST is, percent-encoded."),
                     in_query("b64", "Raw elements, little-endian, in base64url."),
                     in_query("version", "Which version of the model; the highest where it is left out."),
                     in_query("probabilities", "A classifier's answer lists the probability of every class.",
                              schema::kFlag),
                     in_header("If-None-Match", "Tags of answers that the caller has."),
                     in_header("Cache-Control", "no-cache, no-store, max-age, only-if-cached."),
                     in_timeout_header()},
      .answers = {json_answer(200, "The prediction.", "CachedPredictAnswer"),
                  {304, "The caller has this answer already."}},
      .errors = {404, 405, 413, 500, 503, 504}};
}

Operation predict_operation(std::string id, std::string summary, bool async) {
  Operation operation{
      .id = std::move(id),
      .tag = "predict",
      .right = Right::kPredict,
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

// The rate limits count messages, besides the handshake.
std::shared_ptr<const request::Caller> of_each_message(const std::shared_ptr<const request::Caller>& caller) {
  if (caller == nullptr) return nullptr;
  auto each = std::make_shared<request::Caller>(*caller);
  each->uncounted = request::Caller::Uncounted::kAll;
  return each;
}

Operation websocket_operation(std::string id, std::string summary) {
  return {
      .id = std::move(id),
      .tag = "websocket",
      .right = Right::kPredict,
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

  const GetPredictRoute get(service, predictor);
  router.add("GET", "/predict",
             get_operation("getPredictDefault", "Predict with the default model, the input in the URL."),
             get);
  router.add("GET", "/predict/{model}",
             get_operation("getPredict", "Predict with a model, the input in the URL."), get);

  const auto websocket = [&service, &predictor](const Call& call, const net::HttpRequest& request,
                                                const PathParameters& parameters) {
    const ModelResult model = find_model(service, request, parameters);
    if (!model) return call.fail(model.error());
    if (!call.may_use((*model)->signature()->name)) return;
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
    const bool traces = predictor.tracing() != nullptr && predictor.tracing()->enabled();
    const auto& outputs = (*model)->signature()->outputs;
    const bool strings = std::ranges::any_of(
        outputs, [](const auto& output) { return output.type == tensor::DataType::kBytes; });
    if (response == "binary" && strings) {
      return call.fail({base::Code::kInvalidArgument,
                        "the model answers with strings, which have no raw form; leave out response=binary"});
    }
    call.accept_websocket(
        request,
        std::make_unique<PredictSession>(
            service, predictor,
            PredictSession::Options{.model = (*model)->signature()->name,
                                    .version = query_value(request.query, "version").value_or(""),
                                    .probabilities = *probabilities,
                                    .binary_answers = response == "binary",
                                    .timeout = timeout,
                                    .tracing = traces ? predictor.tracing() : nullptr,
                                    .parent = call.caller_context(),
                                    .caller = of_each_message(call.caller()),
                                    .route = parameters[0].empty() ? "/ws/predict" : "/ws/predict/{model}"}));
  };
  router.add("GET", "/ws/predict",
             websocket_operation("websocketDefault", "Predictions over WebSocket by the default model."),
             websocket);
  router.add("GET", "/ws/predict/{model}",
             websocket_operation("websocket", "Predictions over WebSocket by a model."), websocket);
}

}  // namespace saccade::http
