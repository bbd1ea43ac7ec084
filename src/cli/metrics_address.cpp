#include "cli/metrics_address.h"

#include <algorithm>

#include "http/routes.h"

namespace saccade::cli {
namespace {

// Few ask here; a body is never wanted.
net::Limits small(net::Limits limits) {
  limits.connections = std::min<std::size_t>(limits.connections, 256);
  limits.body_bytes = std::min<std::size_t>(limits.body_bytes, 4096);
  return limits;
}

}  // namespace

MetricsAddress::MetricsAddress(runtime::LoopGroup& loops, const net::Limits& limits, serve::Service& service)
    : router_(service.registry()), server_(loops, small(limits), router_, service.registry()) {
  http::add_metrics_routes(router_, service);
}

base::Status MetricsAddress::open(const std::string& host, std::uint16_t port) {
  if (port == 0) return {};
  const auto bound = server_.listen(host, port, "--metrics-port (0: none)");
  if (!bound) return std::unexpected(bound.error());
  open_ = true;
  return {};
}

void MetricsAddress::start() {
  if (open_) server_.start();
}

void MetricsAddress::end() {
  if (!open_) return;
  server_.stop_accepting();
  server_.close_all();
}

}  // namespace saccade::cli
