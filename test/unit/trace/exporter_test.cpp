// Against sockets: what happens where nobody takes the spans.
#include "trace/exporter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "trace/random_ids.h"
#include "trace/tracing.h"

namespace saccade::trace {
namespace {

using std::chrono::milliseconds;

// Listens and never answers; the system accepts for it.
class SilentPort {
 public:
  SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(socket_, 8);
    socklen_t length = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~SilentPort() { ::close(socket_); }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/traces"; }

 private:
  int socket_;
  int port_ = 0;
};

Settings settings(const std::string& url) {
  Settings made;
  made.url = url;
  made.queue = 10;
  made.batch = 5;
  made.delay = milliseconds{1};
  made.sampler = *Sampler::make("always_on", 1);
  return made;
}

std::vector<Span> spans(std::size_t count) {
  std::vector<Span> made(count);
  for (Span& span : made) {
    span.context = {.trace_id = random_trace_id(), .span_id = random_span_id(), .sampled = true, .state = {}};
    span.name = "test";
  }
  return made;
}

std::uint64_t dropped(observe::Registry& registry, const char* reason) {
  return registry.counter("saccade_trace_spans_dropped_total", "", {{"reason", reason}}).value();
}

TEST(Exporter, WhatDoesNotFitIsDroppedAndCounted) {
  const SilentPort port;
  observe::Registry registry;
  ExporterMetrics metrics(registry);
  Exporter exporter(settings(port.url()), metrics);
  for (int i = 0; i < 30; ++i) exporter.add(spans(3));
  // At most a batch is under way and a queue full is waiting.
  EXPECT_GE(dropped(registry, "queue_full"), 90U - 15U);
  exporter.close(milliseconds{10});
  EXPECT_EQ(registry.counter("saccade_trace_spans_exported_total", "").value(), 0U);
  EXPECT_EQ(dropped(registry, "queue_full") + dropped(registry, "failed"), 90U);
}

TEST(Exporter, EndsAlthoughTheCollectorHangs) {
  const SilentPort port;
  observe::Registry registry;
  ExporterMetrics metrics(registry);
  Exporter exporter(settings(port.url()), metrics);
  exporter.add(spans(5));
  exporter.close(milliseconds{0});
  exporter.close(milliseconds{0});
  EXPECT_EQ(dropped(registry, "failed"), 5U);
}

TEST(Exporter, WithNothingToSendItEndsAtOnce) {
  observe::Registry registry;
  ExporterMetrics metrics(registry);
  Exporter exporter(settings("http://127.0.0.1:1/v1/traces"), metrics);
  exporter.close(milliseconds{1000});
  EXPECT_EQ(registry.counter("saccade_trace_exports_total", "", {{"outcome", "failed"}}).value(), 0U);
}

TEST(Tracing, WithoutAnEndpointThereIsNoSpan) {
  observe::Registry registry;
  Tracing tracing(Settings{}, registry);
  EXPECT_FALSE(tracing.enabled());
  EXPECT_EQ(tracing.begin(nullptr, base::now()), nullptr);
}

TEST(Tracing, ASpanContinuesTheCallersTrace) {
  const SilentPort port;
  observe::Registry registry;
  Tracing tracing(settings(port.url()), registry);
  const request::TraceContext caller{
      .trace_id = random_trace_id(), .span_id = random_span_id(), .sampled = true, .state = "a=1"};
  const auto span = tracing.begin(&caller, base::now());
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->context().trace_id, caller.trace_id);
  EXPECT_NE(span->context().span_id, caller.span_id);
  EXPECT_EQ(span->context().state, "a=1");
  const auto other = tracing.begin(nullptr, base::now());
  EXPECT_NE(other->context().trace_id, caller.trace_id);
}

}  // namespace
}  // namespace saccade::trace
