#include "http/openapi.h"

#include <algorithm>
#include <map>

#include <boost/json.hpp>

#include "http/model_schema.h"

namespace saccade::http {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostModels = 64;    // that get paths of their own
constexpr std::size_t kMostExamples = 16;  // of one body

constexpr std::string_view kDescription =
    "Predictions by ONNX models. The same models answer here in three forms: this server's own (`/predict`), "
    "the Open "
    "Inference Protocol (`/v2`, KServe v2 with Triton's extensions) and TensorFlow Serving's (`/v1`, KServe "
    "v1).\n\n"
    "Beside what is described here there are predictions over **WebSocket** at `/ws/predict/{model}` (a JSON "
    "message "
    "in, a JSON message out), and **gRPC** (`inference.GRPCInferenceService`) on the port that the server "
    "names at its "
    "start. `HEAD` works wherever `GET` does; a slash at the end of a path makes no difference.\n\n"
    "A header `X-Request-Id` of a request comes back in its answer, and stands in the log and in traces.\n\n"
    "Every error is `{\"error\": \"what was wrong, where, and what would be right\"}`.";

struct Tag {
  std::string_view name;
  std::string_view description;
};
constexpr Tag kTags[] = {
    {"models served", "The models that are served now, each with the shape of its inputs."},
    {"predict", "Predictions in the shapes that a person would send."},
    {"websocket", "Predictions over one connection, many on their way at once."},
    {"log", "The prediction log."},
    {"models", "What is served."},
    {"health", "For load balancers and monitoring."},
    {"v1", "TensorFlow Serving's REST API, and KServe v1."},
    {"v2", "The Open Inference Protocol (KServe v2), with Triton's extensions."},
    {"v2 repository", "Models are loaded and unloaded while the server runs."},
    {"v2 shared memory", "Tensors that don't travel: regions that client and server share."},
    {"v2 settings", "Statistics, log and trace settings."},
    {"documentation", "This."},
};

// The statuses that a route's handler or the connection answers with an error, and what they say.
const std::map<int, std::string_view>& error_texts() {
  static const std::map<int, std::string_view> texts = {
      {400, "Something in the request is wrong; the message says what, where, and what would be right."},
      {401, "The server asks who calls, and this call does not say it, or can't prove it."},
      {403, "The caller's rights are not enough; the message says which it needs."},
      {404, "There is no such model, version, row or region."},
      {405, "The route takes another method, for this model; `Allow` names it."},
      {408, "The request did not arrive in time. The connection is closed."},
      {409, "It is there already, or in use."},
      {413, "The body is too large."},
      {414, "The request line is too long. The connection is closed."},
      {415, "A content type or content coding that is not taken."},
      {417, "An `Expect` other than `100-continue`. The connection is closed."},
      {426, "The request is no WebSocket handshake."},
      {429, "A rate limit is used up."},
      {431, "The headers are too large or too many. The connection is closed."},
      {500, "The model failed."},
      {501, "Not offered by this server."},
      {503, "Not now: a queue is full, models are being loaded, or the server is ending."},
      {504, "The deadline had passed before the answer was there."},
  };
  return texts;
}
// What bytes get that are no acceptable request, whatever the route.
constexpr int kAlways[] = {400, 408, 413, 414, 417, 431};

json::value parse(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  return error ? json::value(nullptr) : value;  // a unit test parses what routes say
}

json::value schema_of(const std::string& text) {
  if (text.starts_with('{')) return parse(text);
  return json::object{{"$ref", "#/components/schemas/" + text}};
}

json::object described(const Parameter& header) {
  return {{"description", header.description}, {"schema", schema_of(header.schema)}};
}

json::object headers_of_all() {
  return {{"X-Request-Id", json::object{{"$ref", "#/components/headers/X-Request-Id"}}}};
}

// "{model}" and "{model}:predict" in a template.
std::vector<std::string> names_in(std::string_view path) {
  std::vector<std::string> names;
  for (std::size_t begin = path.find('{'); begin != path.npos; begin = path.find('{', begin)) {
    const std::size_t end = std::min(path.find('}', begin), path.size());
    names.emplace_back(path.substr(begin + 1, end - begin - 1));
    begin = end;
  }
  return names;
}

std::string_view text_of_name(std::string_view name) {
  if (name == "model") return "The model's name.";
  if (name == "version") return "A version of the model.";
  return "";
}

class Document {
 public:
  Document(const std::vector<Route>& routes, const Signatures& models) : models_(models) {
    for (const Route& route : routes) {
      if (!route.documented()) continue;
      add(route.method, route.path, operation(route));
      // A path for each model comes where the template is, so that the two stand side by side.
      if (route.method == "POST" && route.path == "/predict/{model}") add_models(route);
    }
  }
  json::object take() { return std::move(paths_); }

 private:
  void add(const std::string& method, const std::string& path, json::object operation) {
    std::string key = method;
    std::ranges::transform(key, key.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    json::value& item = paths_[path];
    if (!item.is_object()) item = json::object();
    item.as_object()[key] = std::move(operation);
  }

  json::object operation(const Route& route) const {
    const Operation& said = route.operation;
    json::object made{{"operationId", said.id}, {"tags", json::array{said.tag}}, {"summary", said.summary}};
    if (!said.description.empty()) made["description"] = said.description;
    json::array parameters;
    for (const std::string& name : names_in(route.path)) {
      const auto own = std::ranges::find_if(
          said.parameters, [&](const Parameter& one) { return one.in == "path" && one.name == name; });
      Parameter parameter = own != said.parameters.end()
                                ? *own
                                : Parameter{"path", name, std::string(text_of_name(name)), schema::kString};
      parameter.required = true;
      parameters.push_back(this->parameter(parameter));
    }
    for (const Parameter& one : said.parameters) {
      if (one.in != "path") parameters.push_back(parameter(one));
    }
    if (!parameters.empty()) made["parameters"] = std::move(parameters);
    if (!said.body.empty()) {
      made["requestBody"] = json::object{{"required", said.body_required}, {"content", content(said.body)}};
    }
    made["responses"] = responses(said);
    if (said.right == Right::kPublic) made["security"] = json::array{json::object()};
    return made;
  }

  json::object parameter(const Parameter& said) const {
    json::object made{{"name", said.name}, {"in", said.in}};
    if (!said.description.empty()) made["description"] = said.description;
    if (said.required) made["required"] = true;
    made["schema"] = schema_of(said.schema);
    if (said.in == "path" && (said.name == "model" || said.name == "version")) {
      json::object examples;
      for (const auto& model : models_) {
        const std::string& value = said.name == "model" ? model->name : model->version;
        if (examples.size() < kMostModels) examples[value] = json::object{{"value", value}};
      }
      if (!examples.empty()) made["examples"] = std::move(examples);
    }
    return made;
  }

  // What each model could be sent, where a body is one of the three protocols'.
  json::object body_examples(std::string_view schema) const {
    json::object examples;
    for (const auto& model : models_) {
      if (examples.size() == kMostExamples) break;
      if (schema == "V1ClassifyRequest" && !model->classifies()) continue;
      std::string body = schema == "V2InferRequest" ? v2_body_example(*model) : predict_body_example(*model);
      if (body.empty()) continue;
      if (schema == "V1PredictRequest") body = R"({"instances":[)" + body + "]}";
      if (schema == "V1ClassifyRequest") body = R"({"examples":[)" + body + "]}";
      examples[model->name] = json::object{{"value", parse(body)}};
    }
    return examples;
  }

  json::object content(const std::vector<Content>& said) const {
    json::object made;
    for (const Content& one : said) {
      json::object form;
      if (!one.schema.empty()) form["schema"] = schema_of(one.schema);
      if (!one.example.empty()) form["example"] = parse(one.example);
      for (const char* schema :
           {"PredictRequest", "V1PredictRequest", "V1ClassifyRequest", "V2InferRequest"}) {
        if (one.schema != schema) continue;
        json::object examples = body_examples(one.schema);
        if (!examples.empty()) form["examples"] = std::move(examples);
      }
      made[one.type] = std::move(form);
    }
    return made;
  }

  json::object responses(const Operation& said) const {
    std::map<int, json::value> by_status;
    const auto refer = [&by_status](int status) {
      by_status.emplace(status, json::object{{"$ref", "#/components/responses/" + std::to_string(status)}});
    };
    for (const Answer& answer : said.answers) {
      json::object one{{"description", answer.description}};
      if (!answer.content.empty()) one["content"] = content(answer.content);
      json::object headers = headers_of_all();
      for (const Parameter& header : answer.headers) headers[header.name] = described(header);
      one["headers"] = std::move(headers);
      by_status.emplace(answer.status, std::move(one));
    }
    for (const int status : said.errors) refer(status);
    for (const int status : kAlways) refer(status);
    if (said.right != Right::kPublic) {
      refer(401);
      refer(403);
      refer(429);
    }
    json::object made;
    for (auto& [status, response] : by_status) made[std::to_string(status)] = std::move(response);
    return made;
  }

  void add_models(const Route& route) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < models_.size() && count < kMostModels; ++i) {
      const request::ModelSignature& model = *models_[i];
      if (i + 1 < models_.size() && models_[i + 1]->name == model.name) continue;  // the last version speaks
      ++count;
      json::object one = operation(route);
      one["operationId"] = said_id(route, model);
      one["tags"] = json::array{"models served"};
      one["summary"] = "Predict with " + model.name + ".";
      json::array parameters;
      for (json::value& parameter : one["parameters"].as_array()) {
        if (parameter.at("in") != "path") parameters.push_back(std::move(parameter));
      }
      one["parameters"] = std::move(parameters);
      json::object form{{"schema", parse(predict_body_schema(model))}};
      if (const std::string example = predict_body_example(model); !example.empty())
        form["example"] = parse(example);
      json::object& forms = one["requestBody"].as_object()["content"].as_object();
      forms["application/json"] = std::move(form);
      if (model.inputs.size() != 1) forms.erase("application/octet-stream");
      add("POST", "/predict/" + model.name, std::move(one));
    }
  }
  static std::string said_id(const Route& route, const request::ModelSignature& model) {
    std::string id = route.operation.id + "_";
    for (const char c : model.name) id += c == '-' || c == '.' ? '_' : c;
    return id;
  }

  const Signatures& models_;
  json::object paths_;
};

// What a server takes that asks who calls.
json::object security_schemes() {
  return {
      {"bearer",
       json::object{{"type", "http"}, {"scheme", "bearer"}, {"description", "An API key or a token (JWT)."}}},
      {"apiKey",
       json::object{
           {"type", "apiKey"}, {"in", "header"}, {"name", "X-API-Key"}, {"description", "An API key."}}}};
}

json::object error_responses() {
  const Parameter challenge = in_header("WWW-Authenticate", "`Bearer`, and what was wrong (RFC 6750)");
  const Parameter retry = in_header("Retry-After", "seconds", schema::kWhole);
  const Parameter retry_ms =
      in_header("Retry-After-Ms", "the same in milliseconds, where known", schema::kWhole);
  const Parameter policy =
      in_header("RateLimit-Policy", "the limit: its quota `q` in a window of `w` seconds");
  const Parameter limit = in_header("RateLimit", "what is left, `r`, and in how many seconds all is, `t`");
  const std::map<int, std::vector<Parameter>> headers = {{401, {challenge}},
                                                         {403, {challenge}},
                                                         {429, {retry, retry_ms, policy, limit}},
                                                         {503, {retry, retry_ms}}};
  json::object made;
  for (const auto& [status, text] : error_texts()) {
    json::object one{{"description", text}, {"headers", headers_of_all()}};
    if (const auto own = headers.find(status); own != headers.end()) {
      for (const Parameter& header : own->second) one["headers"].as_object()[header.name] = described(header);
    }
    one["content"] = json::object{{"application/json", json::object{{"schema", schema_of("Error")}}}};
    made[std::to_string(status)] = std::move(one);
  }
  return made;
}

json::object header_components() {
  return {{"X-Request-Id",
           described(in_header("X-Request-Id", "the request's own id, or the one that was sent"))}};
}

}  // namespace

std::string openapi_document(const std::vector<Route>& routes, const Signatures& models,
                             std::string_view version) {
  json::array tags;
  for (const Tag& tag : kTags) {
    const bool used =
        tag.name == "models served"
            ? !models.empty()
            : std::ranges::any_of(routes, [&tag](const Route& r) { return r.operation.tag == tag.name; });
    if (used) tags.push_back(json::object{{"name", tag.name}, {"description", tag.description}});
  }
  json::object document{
      {"openapi", "3.1.0"},
      {"info", json::object{{"title", "Saccade"},
                            {"version", version},
                            {"description", kDescription},
                            {"license", json::object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"servers", json::array{json::object{{"url", "/"}, {"description", "where this document came from"}}}},
      {"tags", std::move(tags)},
      {"paths", Document(routes, models).take()},
      // The first one is none: a server that asks nobody takes calls without.
      {"security", json::array{json::object(), json::object{{"bearer", json::array()}},
                               json::object{{"apiKey", json::array()}}}},
      {"components", json::object{{"schemas", parse(openapi_schemas())},
                                  {"responses", error_responses()},
                                  {"headers", header_components()},
                                  {"securitySchemes", security_schemes()}}}};
  return json::serialize(document);
}

}  // namespace saccade::http
