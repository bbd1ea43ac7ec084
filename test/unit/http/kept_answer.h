// The way back of a request in a test: keeps the answer.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "net/http_handler.h"

namespace saccade::http {

class KeptAnswer final : public net::HttpExchange {
 public:
  void respond(net::HttpResponse response) override { answer = std::move(response); }
  base::Status accept_websocket(const net::HttpRequest&, std::unique_ptr<net::WebSocketSession>) override {
    return {};
  }
  runtime::EventLoop& loop() override { return loop_; }
  std::shared_ptr<const std::atomic<bool>> gone() const override { return nullptr; }
  const net::Peer& peer() const override { return its_peer; }

  net::HttpResponse answer;
  net::Peer its_peer;

 private:
  runtime::EventLoop loop_{0};
};

}  // namespace saccade::http
