#include "http/router.h"

namespace saccade::http {
namespace {

// The next segment of a path, taken off its front.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool match(std::string_view pattern, std::string_view path, PathParameters& parameters) {
  parameters.values.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view got = take_segment(path);
    if (wanted.starts_with('{')) {
      if (got.empty()) return false;
      parameters.values.push_back(got);
    } else if (wanted != got) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

Router::Router(observe::Registry& registry)
    : registry_(registry),
      unmatched_(registry, "any", "unmatched"),
      malformed_(registry, "any", "malformed") {}

void Router::add(std::string method, std::string path, std::string summary, RouteHandler handler) {
  auto metrics = std::make_unique<RouteMetrics>(registry_, method, path);
  routes_.push_back(
      {std::move(method), std::move(path), std::move(summary), std::move(handler), std::move(metrics)});
}

void Router::handle(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) {
  std::string_view path = request.path;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  thread_local PathParameters parameters;
  std::string allowed;
  for (const Route& route : routes_) {
    if (path.empty() || !match(route.path, path, parameters)) continue;
    const bool head = request.method == "HEAD" && route.method == "GET";
    if (route.method == request.method || head) {
      return route.handler(Call(std::move(exchange), *route.metrics), request, parameters);
    }
    allowed += (allowed.empty() ? "" : ", ") + route.method;
  }
  const Call call(std::move(exchange), unmatched_);
  if (allowed.empty()) {
    return call.fail(
        {base::Code::kNotFound,
         "there is no route \"" + std::string(request.path.substr(0, 200)) + "\"; GET / lists the routes"});
  }
  net::HttpResponse response =
      error_response({base::Code::kMethodNotAllowed, std::string(request.path.substr(0, 200)) + " takes " +
                                                         allowed + ", not " + std::string(request.method)});
  response.headers.emplace_back("Allow", allowed);
  call.respond(std::move(response));
}

net::HttpResponse Router::refusal(int status, std::string_view message) {
  malformed_.count(status, base::Duration{0});
  return error_response(status, message);
}

}  // namespace saccade::http
