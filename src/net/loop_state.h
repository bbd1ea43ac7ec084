// What the connections of one event loop share: buffers to read and write through, limits, the list that
// time-outs and shutdown walk. Belongs to its loop's thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_set>

#include "net/http_handler.h"
#include "net/limits.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"

namespace saccade::net {

class Connection;

struct NetMetrics {
  explicit NetMetrics(observe::Registry& registry);
  observe::Gauge& http_connections;
  observe::Gauge& http2_connections;
  observe::Gauge& websocket_connections;
  observe::Counter& accepted;
  observe::Counter& refused;  // over the limit of connections
  observe::Counter& websocket_messages;
  observe::Gauge& http2_streams;
};

class LoopState {
 public:
  LoopState(runtime::EventLoop& loop, const Limits& limits, HttpHandler& handler, NetMetrics& metrics);

  runtime::EventLoop& loop;
  const Limits& limits;
  HttpHandler& handler;
  NetMetrics& metrics;

  // Where every read lands first. A connection copies out what it must keep.
  static constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
  std::unique_ptr<char[]> read_buffer;  // kReadBytes and padding
  std::string write_buffer;             // where an answer is put together; empty between uses
  // Where frames are gathered. Apart from write_buffer: whoever hears meanwhile that its stream has ended may
  // answer somebody else.
  std::string frame_buffer;

  // Sockets dealt to this loop and not yet ended; counted up by the acceptor, read from any thread.
  std::atomic<std::size_t> open{0};

  void add(std::shared_ptr<Connection> connection);
  void remove(const std::shared_ptr<Connection>& connection);

  // The Date header's value, at most a tick old.
  const std::string& date() const { return date_; }

  void start_clock();  // begins to check time-outs
  // No new requests: idle connections end, the others once they have answered. From the loop's thread.
  void drain();
  bool draining() const { return draining_; }
  void close_all();

 private:
  void tick();

  runtime::Timer timer_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::string date_;
  bool draining_ = false;
};

}  // namespace saccade::net
