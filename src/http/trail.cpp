#include "http/trail.h"

#include <algorithm>
#include <array>
#include <utility>

#include "trace/marks.h"

namespace saccade::http {
namespace {

// Semantic conventions for HTTP spans: a method that is not known is said to be _OTHER.
std::string_view known_method(std::string_view method) {
  static constexpr std::array<std::string_view, 9> kKnown{"GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                                          "OPTIONS", "PATCH", "CONNECT", "TRACE"};
  const auto found = std::ranges::find(kKnown, method);
  return found == kKnown.end() ? "_OTHER" : *found;
}

std::shared_ptr<trace::ServerSpan> describe(std::shared_ptr<trace::ServerSpan> span,
                                            const net::HttpRequest& request, const net::Peer& peer) {
  const std::string_view method = known_method(request.method);
  span->rename(std::string(method));
  span->set("http.request.method", method);
  span->set("url.path", request.path);
  span->set("url.scheme", peer.tls ? "https" : "http");
  span->set("client.address", peer.address);
  if (const std::string_view host = request.header("host"); !host.empty()) span->set("server.address", host);
  if (const std::string_view agent = request.header("user-agent"); !agent.empty()) {
    span->set("user_agent.original", agent);
  }
  return span;
}

}  // namespace

std::shared_ptr<Trail> Trails::begin(const net::HttpRequest& request,
                                     const net::HttpExchange& exchange) const {
  const trace::Marks marks = trace::read_marks(request.headers);
  const bool samples = tracing != nullptr && tracing->enabled();
  if (!marks.any() && !samples && !cors.enabled()) [[likely]]
    return nullptr;
  const auto context = trace::context_of(marks);
  auto span = samples ? tracing->begin(context ? &*context : nullptr, base::now()) : nullptr;
  const bool origins = cors.enabled();
  if (!span && !context && !origins && marks.request_id.empty()) return nullptr;
  auto trail = std::make_shared<Trail>();
  trail->request_id = marks.request_id;
  trail->parent = context;
  if (span) {
    trail->span = describe(std::move(span), request, exchange.peer());
    trail->trace = trail->span;
  } else if (context) {
    trail->trace = std::make_shared<request::Trace>(*context);
  }
  if (origins) {
    trail->cors = &cors;
    trail->origin = marks.origin;
  }
  return trail;
}

void Trail::enter(std::string_view method, std::string_view route) const {
  if (!span) return;
  span->rename(std::string(method) + " " + std::string(route));
  span->set("http.route", route);
}

void Trail::end_span(int status) const {
  if (!span) return;
  span->set("http.response.status_code", std::int64_t{status});
  if (status < 500) return span->end(std::nullopt);
  span->set("error.type", std::to_string(status));
  span->end(std::string(net::reason_phrase(status)));
}

void Trail::finish(net::HttpResponse& response, const base::Uuid& id) const {
  if (request_id.empty()) {
    response.id = id;
  } else {
    response.headers.emplace_back("X-Request-Id", request_id);
  }
  if (cors != nullptr) cors->add_headers(origin, response);
  if (limits && limits->rule != nullptr) {
    response.headers.emplace_back("RateLimit-Policy", limits->policy_field());
    response.headers.emplace_back("RateLimit", limits->limit_field());
  }
  if (span) {
    span->set("saccade.request.id", request_id.empty() ? id.text() : request_id);
    end_span(response.status);
  }
}

void Trail::upgraded() const {
  end_span(101);
}

}  // namespace saccade::http
