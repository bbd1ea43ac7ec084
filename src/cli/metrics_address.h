// A second address that serves nothing but the metrics and the server's health, for whoever scrapes and
// probes but may not predict. Always plain HTTP.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "http/router.h"
#include "net/server.h"
#include "serve/service.h"

namespace saccade::cli {

// Lifecycle: open() → the loops run → start() → end() before the loops stop.
class MetricsAddress {
 public:
  // Port 0: there is none, and the rest does nothing.
  MetricsAddress(runtime::LoopGroup& loops, const net::Limits& limits, serve::Service& service);
  base::Status open(const std::string& host, std::uint16_t port);
  void start();
  void end();

 private:
  http::Router router_;
  net::Server server_;
  bool open_ = false;
};

}  // namespace saccade::cli
