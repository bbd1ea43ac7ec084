#include "http/router.h"

#include <array>
#include <optional>
#include <span>

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
  if (!path.starts_with('/')) return refuse(request, std::move(exchange), {});
  if (const std::string wrong = segments.cut(path); !wrong.empty()) {
    return Call(std::move(exchange), unmatched_).fail({base::Code::kInvalidArgument, wrong});
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
  if (found == nullptr) return refuse(request, std::move(exchange), allowed);
  const Call call(std::move(exchange), *found->metrics, preferred_coding(request.header("accept-encoding")));
  const std::string_view coding = request.body.empty() ? "" : request.header("content-encoding");
  if (coding.empty()) return found->handler(call, request, parameters);
  decompress_and_handle(*found, call, request, parameters);
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
                    const std::string& allowed) {
  const Call call(std::move(exchange), unmatched_);
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
  return error_response(status, message);
}

}  // namespace saccade::http
