// The server's front: gRPC calls go to gRPC's dispatch, every other request to the routes.
//
// Shared by all event loops; holds nothing of its own.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "grpc/grpc_handler.h"
#include "net/http_handler.h"

namespace saccade::cli {

class Front final : public net::HttpHandler {
 public:
  Front(net::HttpHandler& routes, grpc::GrpcHandler& calls) : routes_(routes), calls_(calls) {}

  void handle(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) override {
    routes_.handle(request, std::move(exchange));
  }
  std::unique_ptr<net::StreamSession> open_stream(const net::HttpRequest& head,
                                                  const std::shared_ptr<net::Stream>& stream) override {
    return calls_.open(head, stream);
  }
  net::HttpResponse refusal(int status, std::string_view message) override {
    return routes_.refusal(status, message);
  }

 private:
  net::HttpHandler& routes_;
  grpc::GrpcHandler& calls_;
};

}  // namespace saccade::cli
