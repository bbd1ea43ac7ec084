#include "grpc/methods.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <google/protobuf/descriptor.h>

namespace saccade::grpc {
namespace {

std::string_view type_of(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) return method.server_streaming() ? "bidi_stream" : "client_stream";
  return method.server_streaming() ? "server_stream" : "unary";
}

// What is not named here needs the most. Settings are read and changed by the same call.
access::Right right_of(std::string_view service, std::string_view name) {
  using access::Right;
  if (service == "grpc.health.v1.Health") return Right::kPublic;
  if (service.starts_with("grpc.reflection.")) return Right::kRead;
  if (name == "ServerLive" || name == "ServerReady" || name == "ModelReady") return Right::kPublic;
  if (name == "ModelInfer" || name == "ModelStreamInfer") return Right::kPredict;
  const bool reads = name == "ServerMetadata" || name == "ModelMetadata" || name == "ModelConfig" ||
                     name == "ModelStatistics" || name == "RepositoryIndex" ||
                     name.ends_with("SharedMemoryStatus");
  return reads ? Right::kRead : Right::kAdmin;
}

}  // namespace

Methods::Methods(observe::Registry& registry)
    : registry_(registry), unknown_(registry, "unary", "unknown", "unknown") {}

Method& Methods::add(const google::protobuf::ServiceDescriptor& service, std::string_view name) {
  const auto* described = service.FindMethodByName(std::string(name));
  // A name that is not in the .proto is a mistake in this program, seen by the first test that starts it.
  if (described == nullptr)
    throw std::logic_error(service.full_name() + " has no method " + std::string(name));
  auto method = std::make_unique<Method>(registry_, type_of(*described), service.full_name(), name);
  method->client_streams = described->client_streaming();
  method->right = right_of(service.full_name(), name);
  method->admin = method->right == access::Right::kAdmin;
  Method& added = *method;
  methods_.emplace("/" + service.full_name() + "/" + std::string(name), std::move(method));
  if (std::ranges::find(services_, service.full_name()) == services_.end()) {
    services_.push_back(service.full_name());
  }
  return added;
}

void Methods::add(const google::protobuf::ServiceDescriptor& service, std::string_view name, Unary unary) {
  add(service, name).unary = std::move(unary);
}

void Methods::add(const google::protobuf::ServiceDescriptor& service, std::string_view name, Open open) {
  add(service, name).open = std::move(open);
}

const Method* Methods::find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : found->second.get();
}

std::string Methods::describe_unknown(std::string_view path) const {
  constexpr std::size_t kMostShown = 200;
  const std::string shown(path.substr(0, kMostShown));
  const std::size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash == 0 || slash == std::string_view::npos) {
    return "the path \"" + shown + "\" is not /package.Service/Method";
  }
  const std::string_view service = path.substr(1, slash - 1);
  if (std::ranges::find(services_, service) == services_.end()) {
    return "unknown service " + std::string(service.substr(0, kMostShown));
  }
  return "service " + std::string(service) + " has no method " +
         std::string(path.substr(slash + 1, kMostShown));
}

}  // namespace saccade::grpc
