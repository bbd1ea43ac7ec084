#include "http/call.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "protocol/json_writer.h"
#include "serve/door.h"

namespace saccade::http {

int status_of(base::Code code) {
  switch (code) {
    case base::Code::kInvalidArgument:
      return 400;
    case base::Code::kUnauthenticated:
      return 401;
    case base::Code::kPermissionDenied:
      return 403;
    case base::Code::kNotFound:
      return 404;
    case base::Code::kMethodNotAllowed:
      return 405;
    case base::Code::kTooLarge:
      return 413;
    case base::Code::kRateLimited:
      return 429;
    case base::Code::kUnavailable:
      return 503;
    case base::Code::kDeadlineExceeded:
      return 504;
    case base::Code::kCancelled:
      return 499;
    case base::Code::kInternal:
      return 500;
  }
  return 500;
}

net::HttpResponse error_response(int status, std::string_view message) {
  net::HttpResponse response;
  response.status = status;
  response.body = "{\"error\":";
  protocol::append_string(response.body, message);
  response.body += '}';
  return response;
}

// Retry-After (RFC 9110, 10.2.3) knows whole seconds only; retry-after-ms is what several clients of
// inference services look at first.
net::HttpResponse error_response(const base::Error& error) {
  net::HttpResponse response = error_response(status_of(error.code), error.message);
  if (error.code == base::Code::kUnavailable || error.code == base::Code::kRateLimited) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(error.retry_after).count();
    response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
    if (error.retry_after.count() > 0) {
      response.headers.emplace_back("Retry-After-Ms", std::to_string(error.retry_after.count()));
    }
  }
  return response;
}

bool Call::may_use(std::string_view model) const {
  if (caller_ == nullptr || caller_->may_use(model)) return true;
  fail(serve::Door::wrong_model(*caller_, model));
  return false;
}

void Call::compress_body(net::HttpResponse& response) const {
  std::optional<std::string> compressed = compress(accepted_, response.body);
  if (!compressed) return;
  response.body = *std::move(compressed);
  response.headers.emplace_back("Content-Encoding", coding_name(accepted_));
  bool varies = false;  // said already
  for (auto& [name, value] : response.headers) {
    // Other bytes, so another strong tag (RFC 9110, 8.8.1).
    if (name == "ETag" && value.starts_with('"')) {
      value.insert(value.size() - 1, "-" + std::string(coding_name(accepted_)));
    }
    varies = varies || (name == "Vary" && value.starts_with("Accept-Encoding"));
  }
  if (!varies) response.headers.emplace_back("Vary", "Accept-Encoding");
}

void Call::set_limits(const limit::Decision& limits) {
  auto trail = trail_ ? std::make_shared<Trail>(*trail_) : std::make_shared<Trail>();
  trail->limits = limits;
  trail_ = std::move(trail);
}

void Call::accept_websocket(const net::HttpRequest& request,
                            std::unique_ptr<net::WebSocketSession> session) const {
  const base::Status accepted = exchange_->accept_websocket(request, std::move(session));
  if (accepted) {
    if (trail_) trail_->upgraded();
    return metrics_->count(101, base::now() - arrived_);
  }
  net::HttpResponse response = error_response(426, accepted.error().message);
  response.headers.emplace_back("Upgrade", "websocket");
  response.headers.emplace_back("Sec-WebSocket-Version", "13");
  respond(std::move(response));
}

}  // namespace saccade::http
