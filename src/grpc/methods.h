// The calls that are served, by path. Filled before the server starts, constant after that; safe from any
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/right.h"
#include "grpc/call.h"
#include "grpc/conversation.h"
#include "grpc/method_metrics.h"

namespace google::protobuf {
class ServiceDescriptor;
}

namespace saccade::grpc {

// One message, one answer: call.answer() or call.fail(), now or later, on the call's loop.
using Unary = std::function<void(const std::shared_ptr<Call>& call, std::string_view message)>;
// Makes what handles the messages of a streaming call.
using Open = std::function<std::unique_ptr<Conversation>(Call& call)>;

struct Method {
  Method(observe::Registry& registry, std::string_view type, std::string_view service, std::string_view name)
      : metrics(registry, type, service, name) {}

  bool client_streams = false;
  access::Right right = access::Right::kAdmin;  // that its caller needs
  bool admin = false;  // changes the server: with --admin-port it is answered on that port alone
  Unary unary;         // empty where it streams, and in the method that stands for all unknown ones
  Open open;
  mutable MethodMetrics metrics;
};

class Methods {
 public:
  explicit Methods(observe::Registry& registry);

  // The service's methods come from its descriptor; those without a handler are not served.
  void add(const google::protobuf::ServiceDescriptor& service, std::string_view name, Unary unary);
  void add(const google::protobuf::ServiceDescriptor& service, std::string_view name, Open open);

  const Method* find(std::string_view path) const;
  // Stands in for whatever path is not served; counted under no name that a client made up.
  const Method& unknown() const { return unknown_; }
  // "unknown service x.Y", "service x.Y has no method Z".
  std::string describe_unknown(std::string_view path) const;
  // Full names, in the order of their first method.
  const std::vector<std::string>& services() const { return services_; }

 private:
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  Method& add(const google::protobuf::ServiceDescriptor& service, std::string_view name);

  observe::Registry& registry_;
  std::unordered_map<std::string, std::unique_ptr<Method>, Hash, std::equal_to<>> methods_;
  std::vector<std::string> services_;
  Method unknown_;
};

// Whether the caller may use the model that the message names, where it names one; else the call has failed.
// Of the messages with a name alone, those with a version beside it mean a model.
template <typename Request>
bool may_use_model_of(const Request& request, Call& call) {
  if constexpr (requires { request.model_name(); }) {
    return call.may_use(request.model_name());
  } else if constexpr (requires { request.name(), request.version(); }) {
    return call.may_use(request.name());
  } else {
    return call.may_use("");
  }
}

// A unary handler that is given the message parsed. `handle(call, request)`.
template <typename Request, typename Handle>
Unary parsed(Handle handle) {
  return [handle = std::move(handle)](const std::shared_ptr<Call>& call, std::string_view message) {
    Request request;
    if (!call->parse(message, request) || !may_use_model_of(request, *call)) return;
    handle(call, request);
  };
}

}  // namespace saccade::grpc
