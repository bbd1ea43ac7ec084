#include <memory>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/base64.h"
#include "grpc_service.pb.h"
#include "http/json_body.h"
#include "http/routes.h"
#include "http/v2_operation.h"
#include "protocol/management.h"
#include "protocol/message_json.h"
#include "runtime/worker_pool.h"

namespace saccade::http {
namespace {

// A body of a few files is taken apart where it arrived; one that holds a model would keep the loop's other
// connections waiting, and goes to a worker.
constexpr std::size_t kLargeBody = std::size_t{256} * 1024;

void show_index(const Call& call, const std::vector<model::IndexEntry>& entries) {
  inference::RepositoryIndexResponse response;
  for (const model::IndexEntry& entry : entries) {
    protocol::add_to_index(response, entry.name, entry.version, model::state_name(entry.state), entry.reason);
  }
  // A bare list, and no members without content.
  std::string out = "[";
  for (const auto& entry : response.models()) {
    if (out.size() > 1) out += ',';
    protocol::append_message(out, entry, protocol::Unset::kSkip);
  }
  call.respond_plain_json(out + "]");
}

void index(serve::Service& service, const Call& call, std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return call.fail(object.error());
  const auto ready = flag_member(*object, "ready");
  if (!ready) return call.fail(ready.error());
  service.fresh_index(ready->value_or(false), call.loop(),
                      [call](const std::vector<model::IndexEntry>& entries) { show_index(call, entries); });
}

base::Result<boost::json::object> parameters_of(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  auto parameters = object_member(*object, "parameters");
  if (!parameters) return std::unexpected(std::move(parameters.error()));
  return std::move(*parameters).value_or(boost::json::object());
}

constexpr std::string_view kFilePrefix = "file:";

base::Status add_file(model::LoadOverride& override, std::string_view parameter,
                      const boost::json::value& value) {
  const std::string path(parameter.substr(kFilePrefix.size()));
  if (!value.is_string()) {
    return base::invalid_argument("load parameter \"" + std::string(parameter) +
                                  "\" must be a string in base64, not " + std::string(kind_of(value)));
  }
  std::string bytes;
  const auto& text = value.get_string();
  if (!base::decode_base64({text.data(), text.size()}, bytes)) {
    return base::invalid_argument("load parameter \"" + std::string(parameter) + "\" is no base64");
  }
  override.files.insert_or_assign(path, std::move(bytes));
  return {};
}

base::Result<model::LoadOverride> read_override(std::string_view body) {
  const auto parameters = parameters_of(body);
  if (!parameters) return std::unexpected(parameters.error());
  model::LoadOverride override;
  auto config = text_member(*parameters, "config");
  if (!config) return std::unexpected(std::move(config.error()));
  override.config_json = *std::move(config);
  for (const auto& member : *parameters) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name == "config") continue;
    if (!name.starts_with(kFilePrefix)) {
      return base::invalid_argument("unrecognized load parameter '" + std::string(name.substr(0, 100)) +
                                    "': there are \"config\" and \"file:VERSION/NAME\"");
    }
    if (base::Status added = add_file(override, name, member.value()); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (!override.files.empty() && !override.config_json) {
    return base::invalid_argument("load parameters \"file:…\" need a \"config\" beside them");
  }
  return override;
}

void load(serve::Service& service, const Call& call, std::string name,
          base::Result<model::LoadOverride> override) {
  if (!override) return call.fail(override.error());
  service.load_model(std::move(name), *std::move(override), call.loop(), [call](const base::Status& loaded) {
    if (!loaded) return call.fail(loaded.error());
    call.respond_empty();
  });
}

void load(serve::Service& service, runtime::WorkerPool& workers, const Call& call, std::string name,
          std::string_view body) {
  if (body.size() < kLargeBody) return load(service, call, std::move(name), read_override(body));
  workers.post([&service, call, name = std::move(name), body = std::string(body)]() mutable {
    auto override = read_override(body);
    call.loop().post([&service, call, name = std::move(name), override = std::move(override)]() mutable {
      load(service, call, std::move(name), std::move(override));
    });
  });
}

void unload(serve::Service& service, const Call& call, std::string_view name, std::string_view body) {
  const auto parameters = parameters_of(body);
  if (!parameters) return call.fail(parameters.error());
  const auto dependents = flag_member(*parameters, "unload_dependents");
  if (!dependents) return call.fail(dependents.error());
  service.unload_model(std::string(name), dependents->value_or(false), call.loop(),
                       [call](const base::Status& unloaded) {
                         if (!unloaded) return call.fail(unloaded.error());
                         call.respond_empty();
                       });
}

}  // namespace

void add_v2_repository_routes(Router& router, serve::Service& service) {
  router.add("POST", "/v2/repository/index",
             v2_operation("v2 repository", "The models and versions that there are, and their state.",
                          "V2Index", {}, "V2IndexRequest"),
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters&) {
               index(service, call, request.body);
             });
  router.add("POST", "/v2/repository/models/{model}/load",
             needing(Right::kAdmin, v2_operation("v2 repository", "Loads a model, or loads it anew.", "",
                                                 {404, 500, 503}, "V2LoadRequest")),
             [&service, workers = std::make_shared<runtime::WorkerPool>(1)](
                 const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               load(service, *workers, call, std::string(parameters[0]), request.body);
             });
  router.add("POST", "/v2/repository/models/{model}/unload",
             needing(Right::kAdmin, v2_operation("v2 repository", "Unloads a model.", "", {404, 500, 503},
                                                 "V2UnloadRequest")),
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               unload(service, call, parameters[0], request.body);
             });
}

}  // namespace saccade::http
