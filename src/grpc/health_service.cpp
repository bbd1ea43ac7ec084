// grpc.health.v1.Health. A service is the server itself (empty name), a gRPC service of it, or a model, ready
// or not.
#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include <google/protobuf/descriptor.h>

#include "grpc/inference_service.h"
#include "grpc/services.h"
#include "health.pb.h"

namespace saccade::grpc {
namespace {

using Response = ::grpc::health::v1::HealthCheckResponse;
using Request = ::grpc::health::v1::HealthCheckRequest;

const google::protobuf::ServiceDescriptor& health_service() {
  return *Request::descriptor()->file()->FindServiceByName("Health");
}

Response::ServingStatus status_of(serve::Service& service, const std::string& name) {
  if (name.empty() || name == inference_service().full_name() || name == health_service().full_name()) {
    return service.ready() ? Response::SERVING : Response::NOT_SERVING;
  }
  if (service.catalog().find(name, "")) return service.ready() ? Response::SERVING : Response::NOT_SERVING;
  const auto index = service.repository_index(false);
  const bool known = std::ranges::any_of(index, [&name](const auto& entry) { return entry.name == name; });
  return known ? Response::NOT_SERVING : Response::SERVICE_UNKNOWN;
}

void check(serve::Service& service, Call& call, const Request& request) {
  Response response;
  response.set_status(status_of(service, request.service()));
  if (response.status() != Response::SERVICE_UNKNOWN) return call.answer(response);
  call.fail(
      {base::Code::kNotFound, "unknown service \"" + request.service().substr(0, 200) +
                                  "\"; there are the server (\"\"), inference.GRPCInferenceService and each "
                                  "model by its name"});
}

// Looks now and then, and says what has changed.
class Watch final : public Conversation, private Timers::Alarm {
 public:
  Watch(serve::Service& service, Call& call) : service_(service), call_(call) {}

  void on_message(std::string_view bytes) override {
    Request request;
    if (!call_.parse(bytes, request)) return;
    name_ = request.service();
    on_time();
  }
  void on_end() override {}  // the peer only listens
  void on_drain() override {
    say(Response::NOT_SERVING);
    call_.finish({StatusCode::kUnavailable, "the server is ending"});
  }
  void on_over() override { call_.context().timers.cancel(*this); }

 private:
  static constexpr std::chrono::milliseconds kEvery{100};

  void on_time() override {
    if (call_.sendable()) say(status_of(service_, name_));
    if (!call_.over()) call_.context().timers.set(*this, base::now() + kEvery);
  }
  void say(Response::ServingStatus status) {
    if (status == said_) return;
    said_ = status;
    Response response;
    response.set_status(status);
    call_.send(response);
  }

  serve::Service& service_;
  Call& call_;
  std::string name_;
  Response::ServingStatus said_ = Response::UNKNOWN;  // which is never a status here
};

}  // namespace

void add_health_service(Methods& methods, serve::Service& service) {
  methods.add(health_service(), "Check",
              parsed<Request>([&service](const std::shared_ptr<Call>& call, const Request& request) {
                check(service, *call, request);
              }));
  methods.add(health_service(), "Watch", Open([&service](Call& call) {
                return std::unique_ptr<Conversation>(std::make_unique<Watch>(service, call));
              }));
}

}  // namespace saccade::grpc
