#include <chrono>

#include "http/routes.h"
#include "protocol/json_writer.h"

namespace saccade::http {
namespace {

using protocol::append_number;
using protocol::append_string;

void append_ports(std::string& out, const std::vector<request::TensorSpec>& ports, bool batches) {
  out += '[';
  for (const auto& port : ports) {
    if (&port != &ports.front()) out += ',';
    out += "{\"name\":";
    append_string(out, port.name);
    out += ",\"datatype\":\"";
    out += tensor::data_type_name(port.type);
    out += "\",\"shape\":" + port.shape.text();
    if (batches && port.shape.rank() > 0) out += ",\"item_shape\":" + port.shape.without_first().text();
    if (!port.labels.empty()) {
      out += ",\"labels\":[";
      for (const auto& label : port.labels) {
        if (&label != &port.labels.front()) out += ',';
        append_string(out, label);
      }
      out += ']';
    }
    out += '}';
  }
  out += ']';
}

void append_model(std::string& out, const model::LoadedModel& model, const std::string& default_model) {
  const request::ModelSignature& signature = *model.signature();
  out += "{\"name\":";
  append_string(out, signature.name);
  out += ",\"version\":";
  append_string(out, signature.version);
  out += ",\"default\":";
  out += signature.name == default_model ? "true" : "false";
  out += ",\"platform\":";
  append_string(out, signature.platform);
  out += ",\"task\":";
  append_string(out, signature.classifies() ? "classification" : "inference");
  out += ",\"max_batch_size\":";
  append_number(out, signature.max_batch_size);
  out += ",\"inputs\":";
  append_ports(out, signature.inputs, signature.batches());
  out += ",\"outputs\":";
  append_ports(out, signature.outputs, signature.batches());
  out += ",\"schedule\":{\"runs\":";
  append_string(out, model.describe_schedule());
  out += ",\"run_ms\":";
  append_number(out, static_cast<double>(model.run_time().count()) / 1e6);
  out += ",\"max_queue_delay_ms\":";
  append_number(out, static_cast<double>(model.policy().max_queue_delay.count()) / 1e3);
  out += "}}";
}

void models(serve::Service& service, const Call& call) {
  std::string body = "{\"models\":[";
  const std::string default_model = service.catalog().default_model();
  bool first = true;
  for (const auto& model : service.catalog().all()) {
    if (!first) body += ',';
    first = false;
    append_model(body, *model, default_model);
  }
  call.respond_json(body + "]}");
}

void model(serve::Service& service, const Call& call, const net::HttpRequest& request,
           std::string_view name) {
  const auto found = service.catalog().find(name, query_value(request.query, "version").value_or(""));
  if (!found) return call.fail(found.error());
  std::string body;
  append_model(body, **found, service.catalog().default_model());
  call.respond_json(std::move(body));
}

void ready(serve::Service& service, const Call& call) {
  if (service.ready()) return call.respond_json(R"({"status":"ready"})");
  call.fail({base::Code::kUnavailable, "not ready: the models are being loaded, or the server is ending"});
}

void index(const Router& router, const Call& call) {
  std::string body = "{\"server\":\"saccade\",\"routes\":[";
  for (const Route& route : router.routes()) {
    if (&route != &router.routes().front()) body += ',';
    body += "{\"method\":\"" + route.method + "\",\"path\":";
    append_string(body, route.path);
    body += ",\"summary\":";
    append_string(body, route.summary());
    body += '}';
  }
  call.respond_json(body + "]}");
}

}  // namespace

void add_metrics_routes(Router& router, serve::Service& service) {
  router.add("GET", "/health/live",
             {.id = "live",
              .tag = "health",
              .right = Right::kPublic,
              .summary = "The process answers.",
              .answers = {json_answer(200, "It does.", "Status")}},
             [](const Call& call, const net::HttpRequest&, const PathParameters&) {
               call.respond_json(R"({"status":"live"})");
             });
  router.add(
      "GET", "/health/ready",
      {.id = "ready",
       .tag = "health",
       .right = Right::kPublic,
       .summary = "All models are loaded and new requests are welcome; 503 otherwise.",
       .answers = {json_answer(200, "They are.", "Status")},
       .errors = {503}},
      [&service](const Call& call, const net::HttpRequest&, const PathParameters&) { ready(service, call); });
  router.add("GET", "/metrics",
             {.id = "metrics",
              .tag = "health",
              .right = Right::kRead,
              .summary = "Metrics in Prometheus' text format.",
              .answers = {{200, "The metrics.", {{"text/plain", schema::kText, {}}}}}},
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               call.respond({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                             .body = service.registry().scrape(),
                             .headers = {}});
             });
}

void add_status_routes(Router& router, serve::Service& service) {
  router.add(
      "GET", "/",
      {.id = "routes",
       .tag = "documentation",
       .right = Right::kRead,
       .summary = "The routes.",
       .answers = {json_answer(200, "The routes.", "Routes")}},
      [&router](const Call& call, const net::HttpRequest&, const PathParameters&) { index(router, call); });
  add_metrics_routes(router, service);
  router.add("GET", "/models",
             {.id = "listModels",
              .tag = "models",
              .right = Right::kRead,
              .summary = "The models that are served, with their inputs and outputs.",
              .answers = {json_answer(200, "One entry for each version.", "Models")}},
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               models(service, call);
             });
  router.add("GET", "/models/{model}",
             {.id = "describeModel",
              .tag = "models",
              .right = Right::kRead,
              .summary = "One model.",
              .parameters = {in_query("version", "Which version; the highest where it is left out.")},
              .answers = {json_answer(200, "The model.", "Model")},
              .errors = {404, 503}},
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               model(service, call, request, parameters[0]);
             });
}

}  // namespace saccade::http
