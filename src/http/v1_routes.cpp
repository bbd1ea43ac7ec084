// TensorFlow Serving's REST API and KServe v1. Where both have the same path, the answer holds what either of
// their clients looks for.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "http/cache_headers.h"
#include "http/deadline.h"
#include "http/routes.h"
#include "protocol/json_writer.h"
#include "protocol/log_result.h"
#include "protocol/v1_request.h"
#include "protocol/v1_response.h"
#include "serve/reply.h"

namespace saccade::http {
namespace {

enum class Form : std::uint8_t { kRows, kColumns, kClasses };

// One request's answer on its way back.
class V1Reply final : public serve::Reply {
 public:
  V1Reply(Call call, Form form, std::optional<CacheNote> note)
      : call_(std::move(call)), form_(form), note_(std::move(note)) {}

  base::Status encode(const serve::Answered& answered) override {
    if (form_ == Form::kClasses) {
      body_ = protocol::encode_v1_classify(answered.response, answered.model);
    } else {
      auto encoded = protocol::encode_v1_predict(answered.response, answered.model, form_ == Form::kRows);
      if (!encoded) return std::unexpected(std::move(encoded.error()));
      body_ = *std::move(encoded);
    }
    if (note_) [[unlikely]] {
      note_->freshness = answered.response.freshness;
      note_->tag = entity_tag(body_, true);
    }
    return {};
  }
  std::string log_result(const serve::Answered& answered) override {
    std::string result;
    protocol::append_log_result(result, answered.response, answered.model);
    return result;
  }
  void send() override {
    net::HttpResponse response{.body = std::move(body_), .headers = {}};
    if (note_) [[unlikely]]
      add_cache_headers(response, *note_);
    call_.respond(std::move(response));
  }
  void fail(base::Error error) override { call_.fail(error); }

 private:
  const Call call_;
  const Form form_;
  std::optional<CacheNote> note_;  // where the model's answers are cached
  std::string body_;
};

class V1Route {
 public:
  V1Route(serve::Service& service, bool classify) : service_(service), classify_(classify) {}

  void operator()(const Call& call, const net::HttpRequest& request, const PathParameters& parameters) const {
    const auto model = service_.catalog().find(parameters[0], parameters[1]);
    if (!model) return call.fail(model.error());
    if (const auto refused = (*model)->would_refuse(call.loop(), call.arrived())) return call.fail(*refused);
    const auto deadline = deadline_of(request, call.arrived());
    if (!deadline) return call.fail(deadline.error());
    const request::ModelSignature& signature = *(*model)->signature();
    if (classify_) {
      if (const base::Status can = protocol::check_v1_classifier(signature); !can)
        return call.fail(can.error());
    }
    auto decoded = classify_ ? protocol::decode_v1_classify(request.body, signature)
                             : protocol::decode_v1_predict(request.body, signature);
    if (!decoded) return call.fail(decoded.error());

    request::InferenceRequest inference;
    inference.id = call.id();
    inference.trace = call.trace();
    inference.caller = call.caller();
    inference.inputs = std::move(decoded->inputs);
    inference.batch = decoded->batch;
    inference.caller_gone = call.gone();
    inference.arrived = call.arrived();
    inference.deadline = *deadline;
    std::optional<CacheNote> note;
    if ((*model)->cache_identity() != nullptr) [[unlikely]] {
      inference.cache = cache_wishes(request);
      note.emplace().for_one = speaks_for_itself(request, call.peer().certificate);
    }
    serve::RecordOptions record;
    if (service_.logs_inputs()) record.input = protocol::log_input(request.body);
    const Form form = classify_ ? Form::kClasses : decoded->rows ? Form::kRows : Form::kColumns;
    serve::answer(service_, *model, std::move(inference), std::move(record), call.loop(),
                  std::make_unique<V1Reply>(call, form, std::move(note)));
  }

 private:
  serve::Service& service_;
  const bool classify_;
};

void refuse_regression(serve::Service& service, const Call& call, const PathParameters& parameters) {
  const auto model = service.catalog().find(parameters[0], parameters[1]);
  if (!model) return call.fail(model.error());
  call.fail({base::Code::kInvalidArgument, "models here have the signature \"" +
                                               std::string(protocol::kV1Signature) +
                                               "\" alone, which is no regression; ask \"" +
                                               std::string(parameters[0]) + "\" with :predict"});
}

void refuse_label(const Call& call, const PathParameters& parameters) {
  call.fail({base::Code::kNotFound, "versions have no labels here; name \"" + std::string(parameters[0]) +
                                        "\"'s version by its number: /versions/…"});
}

std::string_view state_of(model::ModelState state) {
  switch (state) {
    case model::ModelState::kUnknown:
      return "START";
    case model::ModelState::kReady:
      return "AVAILABLE";
    case model::ModelState::kLoading:
      return "LOADING";
    case model::ModelState::kUnloading:
      return "UNLOADING";
    case model::ModelState::kUnavailable:
      return "END";
  }
  return "UNKNOWN";
}

void append_version(std::string& out, const model::IndexEntry& entry) {
  // A model that was unloaded has come to its end in good order.
  const bool failed =
      entry.state == model::ModelState::kUnavailable && !entry.reason.empty() && entry.reason != "unloaded";
  out += "{\"version\":";
  protocol::append_string(out, entry.version);
  out += ",\"state\":\"";
  out += state_of(entry.state);
  out += failed ? R"(","status":{"error_code":"UNAVAILABLE","error_message":)"
                : R"(","status":{"error_code":"OK","error_message":)";
  protocol::append_string(out, failed ? entry.reason : "");
  out += "}}";
}

void status(serve::Service& service, const Call& call, std::string_view name, std::string_view version) {
  std::string versions;
  bool ready = false;
  bool known = false;
  for (const model::IndexEntry& entry : service.repository_index(false)) {
    if (entry.name != name || (!version.empty() && entry.version != version)) continue;
    known = true;
    if (entry.version.empty()) continue;  // the model was never loaded: no version has a state
    ready = ready || entry.state == model::ModelState::kReady;
    if (!versions.empty()) versions += ',';
    append_version(versions, entry);
  }
  if (!known) {
    const auto found = service.catalog().find(name, version);
    return call.fail(found ? base::Error{base::Code::kNotFound, "no such model"} : found.error());
  }
  std::string body = "{\"name\":";
  protocol::append_string(body, name);
  body += ",\"ready\":";
  body += ready && service.ready() ? "true" : "false";
  call.respond_json(body + ",\"model_version_status\":[" + versions + "]}");
}

void metadata(serve::Service& service, const Call& call, const PathParameters& parameters) {
  const auto model = service.catalog().find(parameters[0], parameters[1]);
  if (!model) return call.fail(model.error());
  call.respond_json(protocol::encode_v1_metadata(*(*model)->signature()));
}

void list(serve::Service& service, const Call& call) {
  std::set<std::string> names;
  for (const auto& model : service.catalog().all()) names.insert(model->signature()->name);
  std::string body = "{\"models\":[";
  for (const std::string& name : names) {
    if (body.back() != '[') body += ',';
    protocol::append_string(body, name);
  }
  call.respond_json(body + "]}");
}

Operation predict_operation(std::string id, std::string summary) {
  return {.id = std::move(id),
          .tag = "v1",
          .right = Right::kPredict,
          .summary = std::move(summary),
          .description =
              "`instances`: rows, each an item (bare for a model with a single input, else an object of "
              "inputs by name); `inputs`: columns. The answer has `predictions` or `outputs` in the same "
              "form; the output's name is left out where the model has one output. Members that are not "
              "known are passed over.",
          .body = {json("V1PredictRequest")},
          .answers = {json_answer(200, "The outputs.", "V1PredictAnswer")},
          .errors = {404, 415, 500, 503, 504}};
}

Operation classify_operation(std::string id, std::string summary) {
  return {
      .id = std::move(id),
      .tag = "v1",
      .right = Right::kPredict,
      .summary = std::move(summary),
      .description = "For classifiers. `context` holds inputs that all examples share.",
      .body = {json("V1ClassifyRequest")},
      .answers = {json_answer(200, "For each example the classes' labels and scores.", "V1ClassifyAnswer")},
      .errors = {404, 415, 500, 503, 504}};
}

Operation refused(std::string id, Right right, std::string summary) {
  return {.id = std::move(id), .tag = "v1", .right = right, .summary = std::move(summary), .errors = {404}};
}

Operation answered(std::string id, std::string summary, std::string answer) {
  return {.id = std::move(id),
          .tag = "v1",
          .right = Right::kRead,
          .summary = std::move(summary),
          .answers = {json_answer(200, "As said.", std::move(answer))},
          .errors = {404, 503}};
}

void add_calls(Router& router, serve::Service& service) {
  const V1Route predict(service, false);
  const V1Route classify(service, true);
  const auto regress = [&service](const Call& call, const net::HttpRequest&,
                                  const PathParameters& parameters) {
    refuse_regression(service, call, parameters);
  };
  const std::string model = "/v1/models/{model}";
  const std::string version = model + "/versions/{version}";
  router.add("POST", model + ":predict", predict_operation("v1Predict", "Predict with a model."), predict);
  router.add("POST", version + ":predict",
             predict_operation("v1PredictVersion", "Predict with one version of a model."), predict);
  router.add("POST", model + ":classify", classify_operation("v1Classify", "Classify with a model."),
             classify);
  router.add("POST", version + ":classify",
             classify_operation("v1ClassifyVersion", "Classify with one version of a model."), classify);
  router.add("POST", model + ":regress",
             refused("v1Regress", Right::kPredict, "Refused: no model has such a signature."), regress);
  router.add("POST", version + ":regress",
             refused("v1RegressVersion", Right::kPredict, "Refused: no model has such a signature."),
             regress);
}

void add_questions(Router& router, serve::Service& service) {
  router.add(
      "GET", "/v1/models", answered("v1Models", "The names of the models that are served.", "V1Models"),
      [&service](const Call& call, const net::HttpRequest&, const PathParameters&) { list(service, call); });
  const auto ask = [&service](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
    status(service, call, parameters[0], parameters[1]);
  };
  const auto describe = [&service](const Call& call, const net::HttpRequest&,
                                   const PathParameters& parameters) { metadata(service, call, parameters); };
  const std::string model = "/v1/models/{model}";
  const std::string version = model + "/versions/{version}";
  router.add("GET", model, answered("v1Status", "The state of a model and of its versions.", "V1ModelStatus"),
             ask);
  router.add("GET", version,
             answered("v1StatusVersion", "The state of one version of a model.", "V1ModelStatus"), ask);
  router.add("GET", model + "/metadata",
             answered("v1Metadata", "A model's inputs and outputs.", "V1Metadata"), describe);
  router.add("GET", version + "/metadata",
             answered("v1MetadataVersion", "The inputs and outputs of one version of a model.", "V1Metadata"),
             describe);
}

void add_labels(Router& router) {
  const auto label = [](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
    refuse_label(call, parameters);
  };
  const std::string path = "/v1/models/{model}/labels/{label}";
  router.add("POST", path, refused("v1CallLabel", Right::kPredict, "Refused: versions have no labels."),
             label);
  router.add("GET", path, refused("v1StatusLabel", Right::kRead, "Refused: versions have no labels."), label);
  router.add("GET", path + "/metadata",
             refused("v1MetadataLabel", Right::kRead, "Refused: versions have no labels."), label);
}

}  // namespace

void add_v1_routes(Router& router, serve::Service& service) {
  add_calls(router, service);
  add_questions(router, service);
  add_labels(router);
}

}  // namespace saccade::http
