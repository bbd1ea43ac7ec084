// One HTTP request on its way through a route: how to answer it, and what is counted when it is.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "http/content_coding.h"
#include "http/route_metrics.h"
#include "net/http_handler.h"

namespace saccade::http {

// The status of an error (the one table between the house's codes and HTTP's).
int status_of(base::Code code);
// {"error": "…"} with its status, and Retry-After where another try may work.
net::HttpResponse error_response(const base::Error& error);
// The same form with a status that no code of ours has.
net::HttpResponse error_response(int status, std::string_view message);

// Copied into whatever answers later. Belongs to the connection's loop.
class Call {
 public:
  // Bodies from this size on are compressed where the caller takes that; smaller ones would hardly shrink.
  static constexpr std::size_t kWorthCompressing = 1024;

  // `accepted`: how the caller would like its answer compressed.
  Call(std::shared_ptr<net::HttpExchange> exchange, RouteMetrics& metrics,
       Coding accepted = Coding::kIdentity)
      : exchange_(std::move(exchange)), metrics_(&metrics), accepted_(accepted), arrived_(base::now()) {}

  void respond(net::HttpResponse response, std::size_t compress_from = kWorthCompressing) const {
    if (accepted_ != Coding::kIdentity && response.status == 200 && response.body.size() >= compress_from) {
      compress_body(response);
    }
    metrics_->count(response.status, base::now() - arrived_);
    exchange_->respond(std::move(response));
  }
  // Never compressed: Triton's asynchronous client says that it takes gzip for every call, and unpacks it for
  // inference alone.
  void respond_plain_json(std::string body) const {
    respond({.body = std::move(body), .headers = {}}, std::numeric_limits<std::size_t>::max());
  }
  void respond_json(std::string body) const { respond({.body = std::move(body), .headers = {}}); }
  // A status that says all.
  void respond_empty(int status = 200) const {
    respond({.status = status, .content_type = "", .body = {}, .headers = {}});
  }
  void fail(const base::Error& error) const { respond(error_response(error)); }
  // Makes the connection a WebSocket, or answers 426 with what the handshake lacks.
  void accept_websocket(const net::HttpRequest& request,
                        std::unique_ptr<net::WebSocketSession> session) const;

  runtime::EventLoop& loop() const { return exchange_->loop(); }
  std::shared_ptr<const std::atomic<bool>> gone() const { return exchange_->gone(); }
  base::TimePoint arrived() const { return arrived_; }

 private:
  void compress_body(net::HttpResponse& response) const;

  std::shared_ptr<net::HttpExchange> exchange_;
  RouteMetrics* metrics_;
  Coding accepted_;
  base::TimePoint arrived_;
};

}  // namespace saccade::http
