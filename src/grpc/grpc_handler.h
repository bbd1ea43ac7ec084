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
#include "limit/client_address.h"
#include "net/http_message.h"
#include "net/stream.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"
#include "serve/door.h"
#include "serve/service.h"
#include "trace/tracing.h"

namespace saccade::grpc {

class GrpcHandler {
 public:
  // `tracing` may be null.
  GrpcHandler(serve::Service& service, observe::Registry& registry, runtime::LoopGroup& loops,
              const Limits& limits, const std::string& server_version, trace::Tracing* tracing = nullptr);

  // Before the server starts. Without one nobody is asked. It must outlive this.
  void set_door(serve::Door& door) { door_ = &door; }
  // Proxies whose word on who the client is counts (limit/client_address.h).
  void set_trusted_proxies(std::vector<limit::Network> proxies) { trusted_proxies_ = std::move(proxies); }

  // Null: this is no gRPC call.
  std::unique_ptr<net::StreamSession> open(const net::HttpRequest& head,
                                           const std::shared_ptr<net::Stream>& stream);

 private:
  void ask_door(const Method& method, const net::HttpRequest& head, net::Stream& stream,
                const std::shared_ptr<Call>& call);

  const Limits limits_;
  trace::Tracing* const tracing_;  // null: no call has a span
  Methods methods_;
  std::vector<limit::Network> trusted_proxies_;
  serve::Door* door_ = nullptr;                      // null: open to all
  std::vector<std::unique_ptr<LoopContext>> loops_;  // by the loop's index
};

}  // namespace saccade::grpc
