#include "net/loop_state.h"

#include <array>
#include <ctime>
#include <vector>

#include "base/clock.h"
#include "net/connection.h"

namespace saccade::net {
namespace {
constexpr std::chrono::milliseconds kTick{100};

// "Tue, 24 Nov 2026 05:23:45 GMT" (RFC 9110, 5.6.7)
std::string http_date() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

NetMetrics::NetMetrics(observe::Registry& registry)
    : http_connections(registry.gauge("saccade_connections", "Open connections.", {{"protocol", "http"}})),
      http2_connections(registry.gauge("saccade_connections", "Open connections.", {{"protocol", "http2"}})),
      websocket_connections(
          registry.gauge("saccade_connections", "Open connections.", {{"protocol", "websocket"}})),
      accepted(registry.counter("saccade_connections_accepted_total", "Connections accepted.")),
      refused(registry.counter("saccade_connections_refused_total",
                               "Connections turned away at the limit of open ones.")),
      websocket_messages(
          registry.counter("saccade_websocket_messages_total", "WebSocket messages received.")),
      http2_streams(registry.gauge("saccade_http2_streams", "Open HTTP/2 streams.")) {}

LoopState::LoopState(runtime::EventLoop& event_loop, const Limits& the_limits, HttpHandler& the_handler,
                     NetMetrics& the_metrics)
    : loop(event_loop),
      limits(the_limits),
      handler(the_handler),
      metrics(the_metrics),
      read_buffer(std::make_unique<char[]>(kReadBytes + kBodyPadding)),
      timer_(event_loop),
      date_(http_date()) {}

void LoopState::add(std::shared_ptr<Connection> connection) {
  connections_.insert(std::move(connection));
}
void LoopState::remove(const std::shared_ptr<Connection>& connection) {
  connections_.erase(connection);
}

void LoopState::start_clock() {
  timer_.set(base::now() + kTick, [this] {
    tick();
    start_clock();
  });
}

// Walks a copy: a connection that ends takes itself off the list.
void LoopState::tick() {
  date_ = http_date();
  const auto now = base::now();
  std::vector<std::shared_ptr<Connection>> late;
  for (const auto& connection : connections_) {
    if (connection->deadline() <= now) late.push_back(connection);
  }
  for (const auto& connection : late) connection->on_deadline();
}

void LoopState::drain() {
  draining_ = true;
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->drain();
}

void LoopState::close_all() {
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->close();
}

}  // namespace saccade::net
