// Any bytes as what an HTTP/2 client sends, against a session without a socket. The first byte says how the
// handler answers and in which pieces the bytes come; nothing may crash, and every conversation must be
// closed exactly once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http2_session.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"

namespace {

using namespace saccade;
using namespace saccade::net;

constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void require(bool holds) {
  if (!holds) std::abort();
}

struct Counts {
  int opened = 0;
  int closed = 0;
};

// Echoes; now and then resets, or leaves what came unconsumed.
class Echo final : public StreamSession {
 public:
  Echo(Counts& counts, std::shared_ptr<Stream> stream, unsigned mode)
      : counts_(counts), stream_(std::move(stream)), mode_(mode) {
    ++counts_.opened;
  }
  void on_data(std::string_view bytes) override {
    require(!ended_ && !closed_);
    if ((mode_ & 1) == 0) stream_->consume(bytes.size());
    if ((mode_ & 2) != 0) stream_->send_headers(200, {{"content-type", "application/grpc"}});
    stream_->send_data(std::string(bytes));
    if (mode_ == 7) stream_->reset(8);
  }
  void on_end() override {
    require(!ended_ && !closed_);
    ended_ = true;
    stream_->send_trailers({{"grpc-status", "0"}});
  }
  void on_sendable() override { require(!closed_); }
  void on_drain() override { stream_->send_trailers({{"grpc-status", "14"}}); }
  void on_closed() override {
    require(!closed_);
    closed_ = true;
    ++counts_.closed;
    stream_->send_data("too late");
  }

 private:
  Counts& counts_;
  std::shared_ptr<Stream> stream_;
  unsigned mode_;
  bool ended_ = false;
  bool closed_ = false;
};

class Handler final : public HttpHandler {
 public:
  explicit Handler(unsigned mode) : mode_(mode) {}
  void handle(const HttpRequest& request, std::shared_ptr<HttpExchange> exchange) override {
    require(request.body.size() <= 4096);
    for (std::size_t i = 0; i < kBodyPadding; ++i)
      sum_ = sum_ + static_cast<unsigned char>(request.body.data()[request.body.size() + i]);
    if ((mode_ & 4) != 0) {
      kept.push_back(std::move(exchange));
    } else {
      exchange->respond({.body = std::string(request.path) + std::string(request.body), .headers = {}});
    }
  }
  std::unique_ptr<StreamSession> open_stream(const HttpRequest& head,
                                             const std::shared_ptr<Stream>& stream) override {
    if (head.method != "POST") return nullptr;
    return std::make_unique<Echo>(counts, stream, mode_);
  }
  HttpResponse refusal(int status, std::string_view message) override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message), .headers = {}};
  }

  std::vector<std::shared_ptr<HttpExchange>> kept;
  Counts counts;

 private:
  unsigned mode_;
  volatile unsigned sum_ = 0;  // reads the padding behind each body
};

struct Owner final : Http2Session::Owner {
  void on_output() override {}
};

// Made once: cells of metrics are no small thing.
struct World {
  runtime::EventLoop loop{0};
  observe::Registry registry;
  NetMetrics metrics{registry};
  Limits limits{.header_bytes = 2048,
                .headers = 16,
                .body_bytes = 4096,
                .http2_streams = 16,
                .http2_buffered_bytes = 16'384,
                .http2_resets = 8};
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  static World world;
  const unsigned mode = data[0] & 7;
  const std::size_t piece = data[0] < 128 ? size : std::size_t{1} + (data[0] & 31);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Handler handler(mode);
  LoopState state(world.loop, world.limits, handler, world.metrics);
  Owner owner;
  {
    Http2Session session(state, owner);
    std::string out;
    session.feed(kMagic);
    while (!bytes.empty() && !session.finished()) {
      // On the heap and of this size alone, so that a byte too far is found.
      const std::vector<char> fed(bytes.begin(),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(std::min(piece, bytes.size())));
      session.feed({fed.data(), fed.size()});
      bytes.remove_prefix(fed.size());
      out.clear();
      session.take(out, 1 << 16);
      session.taken();
    }
    for (const auto& exchange : handler.kept) exchange->respond({.body = "late", .headers = {}});
    session.check();
    session.drain();
    session.take(out, 1 << 16);
    session.taken();
  }
  require(handler.counts.opened == handler.counts.closed);
  require(world.metrics.http2_streams.value() == 0);
  for (const auto& exchange : handler.kept) {
    require(*exchange->gone());
    exchange->respond(net::HttpResponse());
  }
  return 0;
}
