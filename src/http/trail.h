// What goes with a request besides itself: the caller's id of it, its place in a trace, the page that it
// comes from. Most requests have none of it, and then there is no trail. Belongs to the connection's loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "http/cors.h"
#include "limit/decision.h"
#include "net/http_handler.h"
#include "trace/tracing.h"

namespace saccade::http {

struct Trail {
  std::string request_id;                       // the caller's own; empty: ours
  std::shared_ptr<request::Trace> trace;        // null: no context came, and nothing is sampled
  std::shared_ptr<trace::ServerSpan> span;      // the same, where it is sampled
  std::optional<request::TraceContext> parent;  // the caller's context, as it came
  const Cors* cors = nullptr;                   // null: off
  std::string origin;
  // What the rate limits say, for the answer's header fields; nothing: there are none.
  std::optional<limit::Decision> limits;

  // The route that was found. Literals and constants of the routes' table.
  void enter(std::string_view method, std::string_view route) const;
  // The answer is about to leave; `id`: ours.
  void finish(net::HttpResponse& response, const base::Uuid& id) const;
  // The connection has become a WebSocket.
  void upgraded() const;

 private:
  void end_span(int status) const;
};

// What makes trails. Constant; safe from any thread.
struct Trails {
  Cors cors;
  trace::Tracing* tracing = nullptr;  // null: nothing is sampled

  // Null: the request has nothing of the kind.
  std::shared_ptr<Trail> begin(const net::HttpRequest& request, const net::HttpExchange& exchange) const;
};

}  // namespace saccade::http
