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
#include "http/operation.h"
#include "http/path_tree.h"
#include "http/query.h"
#include "limit/client_address.h"
#include "net/http_message.h"
#include "serve/door.h"

namespace saccade::http {

// What stood in the places of a template's parameters, percent-decoded: never empty, without slashes and
// control characters. Valid while the handler runs.
struct PathParameters {
  std::vector<std::string_view> values;  // in the order of the template
  std::string_view operator[](std::size_t index) const { return index < values.size() ? values[index] : ""; }
};

using RouteHandler = std::function<void(const Call&, const net::HttpRequest&, const PathParameters&)>;

struct Route {
  std::string method;
  std::string path;
  Operation operation;
  RouteHandler handler;
  std::unique_ptr<RouteMetrics> metrics;
  std::size_t model = kNoModel;  // which of the path's parameters names a model

  static constexpr std::size_t kNoModel = static_cast<std::size_t>(-1);

  const std::string& summary() const { return operation.summary; }
  // Changes the server: with --admin-port it is answered on that port alone.
  bool admin() const { return operation.right == Right::kAdmin; }
  bool documented() const { return !operation.tag.empty(); }
};

class Router final : public net::HttpHandler {
 public:
  static constexpr std::size_t kLargestBody = std::size_t{64} * 1024 * 1024;

  // `largest_body`: of a compressed request, once it is decompressed.
  explicit Router(observe::Registry& registry, std::size_t largest_body = kLargestBody);

  // A parameter is a whole segment of the path, or has something behind it: "/v1/models/{model}:predict".
  // Where several templates match, words go before parameters.
  void add(std::string method, std::string path, Operation operation, RouteHandler handler);
  void add(std::string method, std::string path, std::string summary, RouteHandler handler);
  const std::vector<Route>& routes() const { return routes_; }
  // Before the server starts.
  void set_trails(Trails trails) { trails_ = std::move(trails); }
  // Likewise. Without one nobody is asked. It must outlive this.
  void set_door(serve::Door& door) { door_ = &door; }
  // Proxies whose word on who the client is counts (limit/client_address.h).
  void set_trusted_proxies(std::vector<limit::Network> proxies) { trusted_proxies_ = std::move(proxies); }

  void handle(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) override;
  net::HttpResponse refusal(int status, std::string_view message) override;

 private:
  // The request of a route that was found, on to its handler.
  void ask_door(const Route& route, Call call, const net::HttpRequest& request,
                const PathParameters& parameters);
  void enter(const Route& route, Call call, const net::HttpRequest& request, const PathParameters& parameters,
             base::Result<serve::Entry> entry) const;
  void answer(const Route& route, const Call& call, const net::HttpRequest& request,
              const PathParameters& parameters) const;
  void decompress_and_handle(const Route& route, const Call& call, const net::HttpRequest& request,
                             const PathParameters& parameters) const;
  void refuse(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange,
              const std::string& allowed, std::shared_ptr<const Trail> trail);

  observe::Registry& registry_;
  const std::size_t largest_body_;
  std::vector<Route> routes_;
  PathTree paths_;
  Trails trails_;
  std::vector<limit::Network> trusted_proxies_;
  serve::Door* door_ = nullptr;  // null: open to all
  RouteMetrics unmatched_;       // paths that no route has
  RouteMetrics malformed_;       // bytes that are no request
};

}  // namespace saccade::http
