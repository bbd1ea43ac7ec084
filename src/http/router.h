// Which handler answers a request: one table of methods and path templates ("/predict/{model}"). The table is
// also what the documentation of the API is made from, so that the two can't differ.
//
// Filled before the server starts, constant after that; matching is safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/call.h"
#include "http/query.h"
#include "net/http_message.h"

namespace saccade::http {

struct PathParameters {
  std::vector<std::string_view> values;  // in the order of the template
  std::string_view operator[](std::size_t index) const { return index < values.size() ? values[index] : ""; }
};

using RouteHandler = std::function<void(const Call&, const net::HttpRequest&, const PathParameters&)>;

struct Route {
  std::string method;
  std::string path;
  std::string summary;
  RouteHandler handler;
  std::unique_ptr<RouteMetrics> metrics;
};

class Router final : public net::HttpHandler {
 public:
  explicit Router(observe::Registry& registry);

  void add(std::string method, std::string path, std::string summary, RouteHandler handler);
  const std::vector<Route>& routes() const { return routes_; }

  void handle(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) override;
  net::HttpResponse refusal(int status, std::string_view message) override;

 private:
  observe::Registry& registry_;
  std::vector<Route> routes_;
  RouteMetrics unmatched_;  // paths that no route has
  RouteMetrics malformed_;  // bytes that are no request
};

}  // namespace saccade::http
