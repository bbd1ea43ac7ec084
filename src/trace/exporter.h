// Sends ended spans to the collector, in batches, from a thread of its own (libcurl).
//
// Whoever adds spans never waits: what finds the queue full is dropped and counted. A batch that the
// collector can't take now is tried again with growing pauses (OTLP specification, "OTLP/HTTP Response"), its
// Retry-After is kept to; meanwhile the queue fills. A collector that fails again and again, or takes very
// long, is left alone for a while and then asked gently (the circuit breaker).
//
// Lifecycle: the constructor starts the thread, close() lets what is queued leave for a moment and ends it.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "observe/metrics.h"
#include "resilience/circuit_breaker.h"
#include "trace/http_post.h"
#include "trace/settings.h"
#include "trace/span.h"

namespace saccade::trace {

struct ExporterMetrics {
  explicit ExporterMetrics(observe::Registry& registry);
  observe::Counter& exported;
  observe::Counter& queue_full;
  observe::Counter& failed;
  observe::Counter& rejected;
  observe::Counter& tries_ok;
  observe::Counter& tries_failed;
};

class Exporter {
 public:
  // `metrics` must outlive it.
  Exporter(Settings settings, ExporterMetrics& metrics);
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // Any thread. The spans of one request stay together.
  void add(std::vector<Span> spans);
  std::shared_ptr<const resilience::CircuitBreaker> breaker() const { return breaker_; }
  // Sends what is left, for at most so long. Idempotent.
  void close(std::chrono::milliseconds longest);

 private:
  void work();
  // Waits for a batch; empty: the end has come and nothing is left.
  std::vector<Span> next_batch();
  void send(const std::vector<Span>& batch);
  // Waits until the breaker lets a try through. False: the end has come.
  bool may_try();
  // One try. How long to wait before the next; nothing: there is no next.
  std::optional<std::chrono::milliseconds> attempt(std::string_view body, std::size_t spans, int tries);
  // False: the end has come.
  bool pause(std::chrono::milliseconds how_long);
  void troubled(const std::string& what);

  const Settings settings_;
  ExporterMetrics& metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Span> queue_;  // guarded by mutex_, as is the next
  bool closing_ = false;
  bool troubled_ = false;  // of the thread: the last try failed, and that has been said
  const std::shared_ptr<resilience::CircuitBreaker> breaker_;
  HttpPost connection_;
  std::thread thread_;
};

}  // namespace saccade::trace
