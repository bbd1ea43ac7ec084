#include "http/router.h"

#include <array>
#include <optional>
#include <span>

#include "http/kept_request.h"

namespace saccade::http {
namespace {

// A path cut at its slashes, each segment percent-decoded. Used again and again by its thread, so that a path
// costs no memory.
class Segments {
 public:
  // What is wrong with the path, for the person who sent it; empty: nothing.
  std::string cut(std::string_view path) {
    count_ = 0;
    decoded_.clear();
    decoded_.reserve(path.size());  // so that what points into it stays
    while (!path.empty() && count_ < segments_.size()) {
      path.remove_prefix(1);
      const std::size_t end = std::min(path.find('/'), path.size());
      std::string_view segment = path.substr(0, end);
      if (segment.find('%') != segment.npos) {
        const std::string_view sent = segment;
        if (!decode(segment)) {
          return "the path's part \"" + std::string(sent.substr(0, 100)) +
                 "\" is not percent-encoded text without slashes and control characters";
        }
      }
      segments_[count_++] = segment;
      path.remove_prefix(end);
    }
    if (!path.empty()) count_ = 0;  // more than any route has
    return {};
  }
  std::span<const std::string_view> all() const { return {segments_.data(), count_}; }

 private:
  bool decode(std::string_view& segment) {
    const std::size_t begin = decoded_.size();
    if (!percent_decode(segment, decoded_)) return false;
    segment = std::string_view(decoded_).substr(begin);
    for (const char c : segment) {
      if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
    }
    return true;
  }

  std::array<std::string_view, PathTree::kMostSegments> segments_;
  std::size_t count_ = 0;
  std::string decoded_;
};

// "GET", "/v2/models/{model}/ready" -> "getV2ModelsModelReady".
std::string operation_id(std::string_view method, std::string_view path) {
  std::string id;
  for (const char c : method) id += static_cast<char>(c | 0x20);
  bool begins = false;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (letter || digit) id += begins && letter ? static_cast<char>(c & ~0x20) : c;
    begins = !letter && !digit;
  }
  return id;
}

// Of a template's parameters, the one that is named "model".
std::size_t model_parameter(std::string_view path) {
  std::size_t index = 0;
  for (std::size_t at = path.find('{'); at != path.npos; at = path.find('{', at + 1), ++index) {
    if (path.substr(at).starts_with("{model}")) return index;
  }
  return Route::kNoModel;
}

// Browsers can't give a WebSocket's handshake headers of their own, so there a key or token may stand in the
// query, and there alone: URLs are written down by whoever passes them on.
std::string token_in_query(const net::HttpRequest& request) {
  if (request.query.empty() || !net::equal_ignoring_case(request.header("upgrade"), "websocket")) return {};
  return query_value(request.query, "access_token").value_or("");
}

}  // namespace

Router::Router(observe::Registry& registry, std::size_t largest_body)
    : registry_(registry),
      largest_body_(largest_body),
      unmatched_(registry, "any", "unmatched"),
      malformed_(registry, "any", "malformed") {}

void Router::add(std::string method, std::string path, Operation operation, RouteHandler handler) {
  auto metrics = std::make_unique<RouteMetrics>(registry_, method, path);
  paths_.add(path, routes_.size());
  if (operation.id.empty() && !operation.tag.empty()) operation.id = operation_id(method, path);
  routes_.push_back(
      {std::move(method), std::move(path), std::move(operation), std::move(handler), std::move(metrics)});
  routes_.back().model = model_parameter(routes_.back().path);
}

void Router::add(std::string method, std::string path, std::string summary, RouteHandler handler) {
  add(std::move(method), std::move(path), Operation{.id = {}, .tag = {}, .summary = std::move(summary)},
      std::move(handler));
}

void Router::handle(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) {
  thread_local PathParameters parameters;
  thread_local Segments segments;
  std::string_view path = request.path;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::shared_ptr<const Trail> trail = trails_.begin(request, *exchange);
  if (trail && trail->cors != nullptr && !trail->cors->allows(trail->origin, request)) {
    std::string why = trail->cors->refusal(trail->origin);
    return Call(std::move(exchange), unmatched_, Coding::kIdentity, std::move(trail))
        .fail({base::Code::kPermissionDenied, std::move(why)});
  }
  if (!path.starts_with('/')) return refuse(request, std::move(exchange), {}, std::move(trail));
  if (const std::string wrong = segments.cut(path); !wrong.empty()) {
    return Call(std::move(exchange), unmatched_, Coding::kIdentity, std::move(trail))
        .fail({base::Code::kInvalidArgument, wrong});
  }

  parameters.values.clear();
  const Route* found = nullptr;
  std::string allowed;
  paths_.find(segments.all(), parameters.values, [&](std::span<const std::size_t> routes) {
    for (const std::size_t index : routes) {
      const Route& route = routes_[index];
      if (route.method == request.method || (request.method == "HEAD" && route.method == "GET")) {
        found = &route;
        return true;
      }
    }
    for (const std::size_t index : routes) allowed += (allowed.empty() ? "" : ", ") + routes_[index].method;
    return false;
  });
  if (found == nullptr) return refuse(request, std::move(exchange), allowed, std::move(trail));
  if (trail) trail->enter(found->method, found->path);
  const bool elsewhere = found->admin() && !exchange->peer().takes_admin;
  const Call call(std::move(exchange), *found->metrics, preferred_coding(request.header("accept-encoding")),
                  std::move(trail));
  if (elsewhere) [[unlikely]] {
    return call.fail({base::Code::kPermissionDenied,
                      "admin calls are answered on the port that --admin-port names, not on this one"});
  }
  if (door_ != nullptr && !door_->open()) [[unlikely]]
    return ask_door(*found, call, request, parameters);
  answer(*found, call, request, parameters);
}

void Router::ask_door(const Route& route, Call call, const net::HttpRequest& request,
                      const PathParameters& parameters) {
  std::string in_query;
  std::string behind_proxy;
  std::string_view address = call.peer().address;
  if (!trusted_proxies_.empty()) {
    behind_proxy = limit::client_address(address, request.headers, trusted_proxies_);
    address = behind_proxy;
  }
  serve::Visit visit{.right = route.operation.right,
                     .model = parameters[route.model],
                     .authorization = request.header("authorization"),
                     .api_key = request.header("x-api-key"),
                     .address = address,
                     .certificate = call.peer().certificate};
  if (visit.authorization.empty() && visit.api_key.empty()) {
    in_query = token_in_query(request);
    visit.api_key = in_query;
  }
  auto entry = door_->enter(visit, call.loop(), [&]() -> serve::Door::Later {
    auto kept = KeptRequest::copy(request, parameters);
    if (kept == nullptr) {
      return [call](base::Result<serve::Entry>) {
        call.fail({base::Code::kUnavailable, "too many requests wait to be let in; try again"});
      };
    }
    return [this, &route, call, kept = std::move(kept)](base::Result<serve::Entry> later) {
      enter(route, call, kept->request(), kept->parameters(), std::move(later));
    };
  });
  if (entry) enter(route, std::move(call), request, parameters, *std::move(entry));
}

void Router::enter(const Route& route, Call call, const net::HttpRequest& request,
                   const PathParameters& parameters, base::Result<serve::Entry> entry) const {
  if (entry) {
    call.set_caller(std::move(entry->caller));
    if (const std::optional<limit::Decision>& limits = entry->limits) {
      call.set_limits(*limits);
      if (!limits->allowed) return call.fail(limits->error());
    }
    return answer(route, call, request, parameters);
  }
  net::HttpResponse response = error_response(entry.error());
  const bool shown = !request.header("authorization").empty() || !request.header("x-api-key").empty() ||
                     !token_in_query(request).empty();
  std::string challenge = serve::Door::challenge(route.operation.right, shown, entry.error());
  if (!challenge.empty()) response.headers.emplace_back("WWW-Authenticate", std::move(challenge));
  call.respond(std::move(response));
}

void Router::answer(const Route& route, const Call& call, const net::HttpRequest& request,
                    const PathParameters& parameters) const {
  const std::string_view coding = request.body.empty() ? "" : request.header("content-encoding");
  if (coding.empty()) return route.handler(call, request, parameters);
  decompress_and_handle(route, call, request, parameters);
}

void Router::decompress_and_handle(const Route& route, const Call& call, const net::HttpRequest& request,
                                   const PathParameters& parameters) const {
  const auto coding = parse_coding(request.header("content-encoding"));
  if (!coding) {
    net::HttpResponse response = error_response(415, coding.error().message);
    response.headers.emplace_back("Accept-Encoding", "gzip, deflate");
    return call.respond(std::move(response));
  }
  const auto body = decompress(*coding, request.body, largest_body_);
  if (!body) return call.fail(body.error());
  net::HttpRequest plain = request;
  plain.body = *body;
  route.handler(call, plain, parameters);
}

void Router::refuse(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange,
                    const std::string& allowed, std::shared_ptr<const Trail> trail) {
  const Cors* const cors = trail ? trail->cors : nullptr;
  const Call call(std::move(exchange), unmatched_, Coding::kIdentity, trail);
  if (cors != nullptr && !allowed.empty() && Cors::is_preflight(request)) {
    return call.respond(cors->answer_preflight(trail->origin, allowed));
  }
  const std::string path(request.path.substr(0, 200));
  if (allowed.empty()) {
    return call.fail({base::Code::kNotFound, "there is no route \"" + path + "\"; GET / lists the routes"});
  }
  net::HttpResponse response = error_response(
      {base::Code::kMethodNotAllowed, path + " takes " + allowed + ", not " + std::string(request.method)});
  response.headers.emplace_back("Allow", allowed);
  call.respond(std::move(response));
}

net::HttpResponse Router::refusal(int status, std::string_view message) {
  malformed_.count(status, base::Duration{0});
  net::HttpResponse response = error_response(status, message);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace saccade::http
