// gRPC over the HTTP/2 streams of net: tells gRPC calls from other requests, and dispatches them to the
// services.
//
// One for the whole server, used by all event loops at once. Must outlive the server, and end before the
// loops do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "grpc/loop_context.h"
#include "grpc/methods.h"
#include "net/http_message.h"
#include "net/stream.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"
#include "serve/service.h"

namespace saccade::grpc {

class GrpcHandler {
 public:
  GrpcHandler(serve::Service& service, observe::Registry& registry, runtime::LoopGroup& loops,
              const Limits& limits, const std::string& server_version);

  // Null: this is no gRPC call.
  std::unique_ptr<net::StreamSession> open(const net::HttpRequest& head,
                                           const std::shared_ptr<net::Stream>& stream);

 private:
  const Limits limits_;
  Methods methods_;
  std::vector<std::unique_ptr<LoopContext>> loops_;  // by the loop's index
};

}  // namespace saccade::grpc
