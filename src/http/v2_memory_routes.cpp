#include <optional>
#include <string>
#include <utility>

#include "http/json_body.h"
#include "http/routes.h"
#include "http/v2_operation.h"
#include "protocol/json_writer.h"

namespace saccade::http {
namespace {

base::Error missing(const char* name) {
  return {base::Code::kInvalidArgument, "\"" + std::string(name) + "\" is missing"};
}

base::Result<shared_memory::RegionInfo> read_region(std::string_view name, std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  auto read = text_member(*object, "key");
  if (!read) return std::unexpected(std::move(read.error()));
  const auto offset = count_member(*object, "offset");
  if (!offset) return std::unexpected(offset.error());
  const auto counted = count_member(*object, "byte_size");
  if (!counted) return std::unexpected(counted.error());
  std::optional<std::string> key = *std::move(read);
  if (!key) return std::unexpected(missing("key"));
  const std::optional<std::uint64_t> byte_size = *counted;
  if (!byte_size) return std::unexpected(missing("byte_size"));
  return shared_memory::RegionInfo{.name = std::string(name),
                                   .key = *std::move(key),
                                   .offset = offset->value_or(0),
                                   .byte_size = *byte_size};
}

void report(serve::Service& service, const Call& call, std::string_view name) {
  const auto regions = service.regions().list(name);
  if (!regions) return call.fail(regions.error());
  std::string body = "[";
  for (const shared_memory::RegionInfo& region : *regions) {
    if (body.size() > 1) body += ',';
    body += "{\"name\":";
    protocol::append_string(body, region.name);
    body += ",\"key\":";
    protocol::append_string(body, region.key);
    body += ",\"offset\":";
    protocol::append_number(body, region.offset);
    body += ",\"byte_size\":";
    protocol::append_number(body, region.byte_size);
    body += '}';
  }
  call.respond_plain_json(body + "]");
}

void add(serve::Service& service, const Call& call, std::string_view name, std::string_view body) {
  const auto region = read_region(name, body);
  if (!region) return call.fail(region.error());
  if (const base::Status added = service.regions().add(*region); !added) return call.fail(added.error());
  call.respond_empty();
}

void add_system_routes(Router& router, serve::Service& service) {
  const std::string base = "/v2/systemsharedmemory";
  router.add("GET", base + "/status",
             v2_operation("v2 shared memory", "The registered regions of shared memory.", "V2Regions"),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               report(service, call, "");
             });
  router.add("GET", base + "/region/{region}/status",
             v2_operation("v2 shared memory", "One registered region of shared memory.", "V2Regions", {404}),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
               report(service, call, parameters[0]);
             });
  router.add("POST", base + "/region/{region}/register",
             needing(Right::kAdmin, v2_operation("v2 shared memory", "Registers a region of shared memory.",
                                                 "", {409, 500, 503}, "V2Region")),
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               add(service, call, parameters[0], request.body);
             });
  router.add(
      "POST", base + "/region/{region}/unregister",
      needing(Right::kAdmin, v2_operation("v2 shared memory", "Lets go of a region of shared memory.", "")),
      [&service](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
        service.regions().remove(parameters[0]);
        call.respond_empty();
      });
  router.add("POST", base + "/unregister",
             needing(Right::kAdmin,
                     v2_operation("v2 shared memory", "Lets go of all regions of shared memory.", "")),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               service.regions().remove_all();
               call.respond_empty();
             });
}

// Models run on the CPU: there are no such regions, and there can be none.
void add_cuda_routes(Router& router) {
  const std::string base = "/v2/cudasharedmemory";
  router.add(
      "GET", base + "/status",
      v2_operation("v2 shared memory", "The registered regions of GPU memory: none, always.", "V2Regions"),
      [](const Call& call, const net::HttpRequest&, const PathParameters&) {
        call.respond_plain_json("[]");
      });
  router.add("GET", base + "/region/{region}/status",
             v2_operation("v2 shared memory", "One region of GPU memory: there is none.", "V2Regions", {404}),
             [](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
               call.fail({base::Code::kNotFound,
                          "Unable to find cuda shared memory region: '" + std::string(parameters[0]) + "'"});
             });
  router.add(
      "POST", base + "/region/{region}/register",
      needing(Right::kAdmin, v2_operation("v2 shared memory", "GPU memory can't be registered here.", "")),
      [](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
        call.fail({base::Code::kInvalidArgument, "failed to register CUDA shared memory region: '" +
                                                     std::string(parameters[0]) +
                                                     "', GPUs not supported; use system shared memory"});
      });
  for (const char* path : {"/region/{region}/unregister", "/unregister"}) {
    router.add(
        "POST", base + path,
        needing(Right::kAdmin, v2_operation("v2 shared memory", "Lets go of GPU memory: there is none.", "")),
        [](const Call& call, const net::HttpRequest&, const PathParameters&) { call.respond_empty(); });
  }
}

}  // namespace

void add_v2_memory_routes(Router& router, serve::Service& service) {
  add_system_routes(router, service);
  add_cuda_routes(router);
}

}  // namespace saccade::http
