// Saccade's own sockets, HTTP and HTTP/2 (room `net`) and nothing behind them: what the stack alone costs,
// over REST and over gRPC.
//
//     bench_no_model PORT [--parse]
//
// Every inference gets the same answer. --parse: gRPC requests go through protobuf first, as gRPC's own
// library does it. One loop for each processor. Ends on SIGTERM.

#include "net/server.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "answers.h"
#include "net/http_handler.h"
#include "net/receive_buffer.h"
#include "observe/metrics.h"
#include "protocol/message_json.h"
#include "runtime/event_loop.h"
#include "runtime/processors.h"

namespace {

namespace net = saccade::net;
using saccade::protocol::message_json;
using saccade::protocol::Unset;

constexpr std::size_t kPrefixBytes = 5;
constexpr std::string_view kInfer = "/inference.GRPCInferenceService/ModelInfer";

std::string framed(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  std::string frame(kPrefixBytes, '\0');
  for (std::size_t i = kPrefixBytes, length = bytes.size(); i-- > 1; length >>= 8U) {
    frame[i] = static_cast<char>(length & 0xFFU);
  }
  return frame + bytes;
}

// The one answer to an inference over REST: JSON, and the tensor behind it.
struct RestAnswer {
  RestAnswer() {
    inference::ModelInferResponse response = no_model::infer_response();
    const std::string raw = response.raw_output_contents(0);
    body = std::string("{\"model_name\":\"") + no_model::kModel + "\",\"model_version\":\"" +
           no_model::kVersion +
           "\",\"outputs\":[{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[1,10],"
           "\"parameters\":{\"binary_data_size\":" +
           std::to_string(raw.size()) + "}}]}";
    json_bytes = std::to_string(body.size());
    body += raw;
  }
  std::string body;
  std::string json_bytes;
};

class Server final : public net::HttpHandler {
 public:
  explicit Server(bool parses) : parses_(parses) {}

  void handle(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) override {
    exchange->respond(answer(request.path));
  }

  net::HttpResponse refusal(int status, std::string_view message) override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message), .headers = {}};
  }

  std::unique_ptr<net::StreamSession> open_stream(const net::HttpRequest& head,
                                                  const std::shared_ptr<net::Stream>& stream) override {
    if (!head.path.starts_with("/inference.")) return nullptr;
    return std::make_unique<Call>(*this, head.path, stream);
  }

 private:
  // One gRPC call: answered when the peer has sent its message.
  class Call final : public net::StreamSession {
   public:
    Call(Server& server, std::string_view path, std::shared_ptr<net::Stream> stream)
        : server_(server), infers_(path == kInfer), stream_(std::move(stream)) {
      if (!infers_) answer_ = server.call(path);
    }
    void on_data(std::string_view bytes) override {
      stream_->consume(bytes.size());
      if (infers_ && server_.parses_) message_.append(bytes);
    }
    void on_end() override {
      if (infers_ && server_.parses_ && message_.size() > kPrefixBytes) {
        inference::ModelInferRequest request;
        const std::string_view bytes = message_.view().substr(kPrefixBytes);
        request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
      }
      if (infers_) server_.statistics_.answered();
      stream_->send_headers(200, {{"content-type", "application/grpc"}});
      stream_->send_data(infers_ ? server_.infer_frame_ : answer_);
      stream_->send_trailers({{"grpc-status", answer_.empty() && !infers_ ? "12" : "0"}});
    }
    void on_sendable() override {}
    void on_drain() override {}
    void on_closed() override {}

   private:
    Server& server_;
    const bool infers_;
    const std::shared_ptr<net::Stream> stream_;
    std::string answer_;
    net::ReceiveBuffer message_;
  };

  net::HttpResponse answer(std::string_view path) {
    if (path.ends_with("/infer")) {
      statistics_.answered();
      return {.content_type = "application/octet-stream",
              .body = rest_.body,
              .headers = {{"Inference-Header-Content-Length", rest_.json_bytes}}};
    }
    if (path.ends_with("/ready") || path.ends_with("/live"))
      return {.content_type = "", .body = {}, .headers = {}};
    if (path.ends_with("/config")) return json(no_model::model_config().config());
    if (path.ends_with("/stats")) return json(statistics_.response());
    if (path.starts_with("/v2/models/")) return json(no_model::model_metadata());
    if (path == "/v2" || path == "/v2/") return json(no_model::server_metadata());
    return refusal(404, "no such path");
  }

  static net::HttpResponse json(const google::protobuf::Message& message) {
    return {.body = message_json(message, Unset::kPrint), .headers = {}};
  }

  // The frame that answers a call besides ModelInfer; empty: there is no such call.
  std::string call(std::string_view path) const {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (name == "ServerLive") {
      inference::ServerLiveResponse live;
      live.set_live(true);
      return framed(live);
    }
    if (name == "ServerReady" || name == "ModelReady") {  // the two are alike on the wire
      inference::ServerReadyResponse ready;
      ready.set_ready(true);
      return framed(ready);
    }
    if (name == "ServerMetadata") return framed(no_model::server_metadata());
    if (name == "ModelMetadata") return framed(no_model::model_metadata());
    if (name == "ModelConfig") return framed(no_model::model_config());
    if (name == "ModelStatistics") return framed(statistics_.response());
    return {};
  }

  const bool parses_;
  const RestAnswer rest_;
  const std::string infer_frame_ = framed(no_model::infer_response());
  no_model::Statistics statistics_;
};

}  // namespace

int main(int argc, char** argv) {
  const bool parses = argc == 3 && std::strcmp(argv[2], "--parse") == 0;
  if (argc < 2 || std::atoi(argv[1]) <= 0 || (argc > 2 && !parses)) {
    std::fprintf(stderr, "usage: bench_no_model PORT [--parse]\n");
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  saccade::observe::Registry registry;
  saccade::runtime::LoopGroup loops(saccade::runtime::usable_processors());
  Server handler(parses);
  net::Server server(loops, net::Limits{}, handler, registry);
  const auto port = server.listen("127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[1])), "PORT");
  if (!port) {
    std::fprintf(stderr, "bench_no_model: %s\n", port.error().message.c_str());
    return 1;
  }
  loops.start();
  server.start();
  int signal = 0;
  sigwait(&signals, &signal);
  server.stop_accepting();
  server.close_all();
  loops.stop();
  return 0;
}
