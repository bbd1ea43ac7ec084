#include <algorithm>
#include <utility>

#include "grpc_service.pb.h"
#include "http/routes.h"
#include "http/v2_operation.h"
#include "protocol/management.h"
#include "protocol/message_json.h"

namespace saccade::http {
namespace {

using protocol::message_json;
using protocol::Unset;

// All of a model's versions that answer, ascending.
std::vector<std::string> versions_of(serve::Service& service, std::string_view name) {
  std::vector<std::string> versions;
  for (const auto& model : service.catalog().all()) {
    if (model->signature()->name == name) versions.push_back(model->signature()->version);
  }
  return versions;
}

// "Not ready" is 400 here and not 503: the protocol knows 200 and 4xx.
void server_ready(serve::Service& service, const Call& call) {
  call.respond_empty(service.ready() ? 200 : 400);
}

void model_ready(serve::Service& service, const Call& call, std::string_view name, std::string_view version) {
  if (service.catalog().find(name, version)) return call.respond_empty();
  call.fail({base::Code::kInvalidArgument, "Model version not ready"});
}

void describe(serve::Service& service, const Call& call, std::string_view name, std::string_view version) {
  const auto model = service.catalog().find(name, version);
  if (!model) return call.fail(model.error());
  const auto& signature = *(*model)->signature();
  const auto versions = version.empty() ? versions_of(service, name) : std::vector{signature.version};
  call.respond_plain_json(message_json(protocol::model_metadata(signature, versions), Unset::kPrint));
}

void show_config(serve::Service& service, const Call& call, std::string_view name, std::string_view version) {
  const auto model = service.catalog().find(name, version);
  if (!model) return call.fail(model.error());
  call.respond_plain_json(message_json((*model)->config(), Unset::kPrint));
}

void show_statistics(serve::Service& service, const Call& call, std::string_view name,
                     std::string_view version) {
  const auto statistics = service.statistics(name, version);
  if (!statistics) return call.fail(statistics.error());
  call.respond_plain_json(message_json(protocol::model_statistics(*statistics), Unset::kPrint));
}

// The same for a model's newest version and for a version by its number.
void add_both(Router& router, serve::Service& service, const std::string& behind, const Operation& operation,
              void (*answer)(serve::Service&, const Call&, std::string_view, std::string_view)) {
  for (const char* path : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
    router.add(
        "GET", path + behind, operation,
        [&service, answer](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
          answer(service, call, parameters[0], parameters[1]);
        });
  }
}

Operation ready_operation() {
  Operation operation = needing(
      Right::kPublic, v2_operation("v2", "200: new requests are welcome; 400: not yet, or no more.", ""));
  operation.answers.push_back({400, "Not yet, or no more."});
  return operation;
}

}  // namespace

void add_v2_model_routes(Router& router, serve::Service& service, std::string_view server_version) {
  router.add("GET", "/v2",
             v2_operation("v2", "The server's name, its version and the protocol's extensions that it has.",
                          "V2Server"),
             [about = message_json(protocol::server_metadata(server_version), Unset::kPrint)](
                 const Call& call, const net::HttpRequest&, const PathParameters&) {
               call.respond_plain_json(about);
             });
  router.add("GET", "/v2/health/live",
             needing(Right::kPublic, v2_operation("v2", "The process answers.", "")),
             [](const Call& call, const net::HttpRequest&, const PathParameters&) { call.respond_empty(); });
  router.add("GET", "/v2/health/ready", ready_operation(),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               server_ready(service, call);
             });
  router.add("GET", "/v2/models/stats",
             v2_operation("v2 settings", "What all models have done since they were loaded.", "V2Statistics"),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               show_statistics(service, call, "", "");
             });
  add_both(router, service, "", v2_operation("v2", "A model's inputs and outputs.", "V2Model", {404, 503}),
           describe);
  add_both(
      router, service, "/ready",
      needing(Right::kPublic, v2_operation("v2", "200: the model answers; 400: it doesn't.", "", {404, 503})),
      model_ready);
  add_both(router, service, "/config",
           v2_operation("v2", "A model's configuration, completed.", "V2Config", {404, 503}), show_config);
  add_both(
      router, service, "/stats",
      v2_operation("v2 settings", "What a model has done since it was loaded.", "V2Statistics", {404, 503}),
      show_statistics);
}

}  // namespace saccade::http
