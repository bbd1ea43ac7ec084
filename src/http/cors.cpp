#include "http/cors.h"

#include <algorithm>

namespace saccade::http {
namespace {

constexpr const char* kHeadersTaken =
    "Accept, Authorization, Cache-Control, Content-Encoding, Content-Type, If-None-Match, "
    "Inference-Header-Content-Length, X-API-Key, X-Request-Id, X-Request-Timeout-Ms, traceparent, tracestate";
constexpr const char* kHeadersShown =
    "Age, ETag, Inference-Header-Content-Length, RateLimit, RateLimit-Limit, RateLimit-Policy, "
    "RateLimit-Remaining, RateLimit-Reset, Retry-After, Retry-After-Ms, X-Request-Id";
constexpr const char* kRemembered = "600";  // seconds; the longest that every browser grants is not much more

// scheme "://" host [":" port], as browsers write it (RFC 6454, 6.2).
bool is_origin(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == text.npos || scheme == 0 || scheme + 3 == text.size()) return false;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("-._:[]+").contains(c);
  };
  return std::ranges::all_of(text.substr(0, scheme), fits) &&
         std::ranges::all_of(text.substr(scheme + 3), fits);
}

}  // namespace

base::Result<Cors> Cors::make(const std::vector<std::string>& origins) {
  Cors cors;
  for (const std::string& origin : origins) {
    if (origin == "*") {
      cors.any_ = true;
    } else if (origin == "null" || is_origin(origin)) {
      cors.origins_.push_back(origin);
    } else {
      return base::invalid_argument("--cors-origin is \"" + origin +
                                    "\"; it takes * or an origin as browsers send it, in lower case and "
                                    "without a path: https://app.example.com, http://localhost:3000");
    }
  }
  return cors;
}

bool Cors::lists(std::string_view origin) const {
  return std::ranges::find(origins_, origin) != origins_.end();
}

bool Cors::allows(std::string_view origin, const net::HttpRequest& request) const {
  if (any_ || origin.empty() || lists(origin)) return true;
  const std::size_t scheme = origin.find("://");
  return scheme != origin.npos && origin.substr(scheme + 3) == request.header("host");
}

std::string Cors::refusal(std::string_view origin) const {
  return "pages of the origin \"" + std::string(origin.substr(0, 200)) +
         "\" may not use this server; --cors-origin names those that may";
}

// With "*" browsers take no credentials, so nothing is said of them.
void Cors::add_headers(std::string_view origin, net::HttpResponse& response) const {
  if (!any_) response.headers.emplace_back("Vary", "Origin");
  if (origin.empty()) return;
  if (any_) {
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  } else if (lists(origin)) {
    response.headers.emplace_back("Access-Control-Allow-Origin", origin);
    response.headers.emplace_back("Access-Control-Allow-Credentials", "true");
  } else {
    return;
  }
  response.headers.emplace_back("Access-Control-Expose-Headers", kHeadersShown);
}

bool Cors::is_preflight(const net::HttpRequest& request) {
  return request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
}

net::HttpResponse Cors::answer_preflight(std::string_view origin, const std::string& methods) const {
  net::HttpResponse response{.status = 204, .content_type = "", .body = {}, .headers = {}};
  if (!any_ && !lists(origin)) return response;
  response.headers.emplace_back("Access-Control-Allow-Methods", methods);
  response.headers.emplace_back("Access-Control-Allow-Headers", kHeadersTaken);
  response.headers.emplace_back("Access-Control-Max-Age", kRemembered);
  return response;
}

}  // namespace saccade::http
