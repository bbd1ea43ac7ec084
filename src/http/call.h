// One HTTP request on its way through a route: how to answer it, and what is counted when it is.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "http/content_coding.h"
#include "http/route_metrics.h"
#include "http/trail.h"
#include "net/http_handler.h"
#include "request/caller.h"

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
       Coding accepted = Coding::kIdentity, std::shared_ptr<const Trail> trail = nullptr)
      : exchange_(std::move(exchange)),
        metrics_(&metrics),
        accepted_(accepted),
        arrived_(base::now()),
        id_(base::Uuid::make()),
        trail_(std::move(trail)) {}

  void respond(net::HttpResponse response, std::size_t compress_from = kWorthCompressing) const {
    if (accepted_ != Coding::kIdentity && response.status == 200 && response.body.size() >= compress_from) {
      compress_body(response);
    }
    metrics_->count(response.status, base::now() - arrived_);
    if (trail_) [[unlikely]] {
      trail_->finish(response, id_);
    } else {
      response.id = id_;
    }
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
  // Ours, unique: a prediction that is asked for has it.
  const base::Uuid& id() const { return id_; }
  // Null: the request belongs to no trace.
  std::shared_ptr<request::Trace> trace() const { return trail_ ? trail_->trace : nullptr; }
  // The trace that the caller's own context names, for what outlives this call.
  std::optional<request::TraceContext> caller_context() const {
    return trail_ ? trail_->parent : std::nullopt;
  }
  const net::Peer& peer() const { return exchange_->peer(); }
  // Null: nobody was asked who it is.
  const std::shared_ptr<const request::Caller>& caller() const { return caller_; }
  void set_caller(std::shared_ptr<const request::Caller> caller) { caller_ = std::move(caller); }
  // What its answer says of the rate limits.
  void set_limits(const limit::Decision& limits);
  // False: the caller's rights are for other models, and the call has failed. For models that the path does
  // not name; those that it does were looked at before.
  bool may_use(std::string_view model) const;

 private:
  void compress_body(net::HttpResponse& response) const;

  std::shared_ptr<net::HttpExchange> exchange_;
  RouteMetrics* metrics_;
  Coding accepted_;
  base::TimePoint arrived_;
  base::Uuid id_;
  std::shared_ptr<const Trail> trail_;  // null: see there
  std::shared_ptr<const request::Caller> caller_ = {};
};

}  // namespace saccade::http
