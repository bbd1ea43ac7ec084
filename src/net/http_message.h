// A request and an answer as every version of HTTP has them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/uuid.h"

namespace saccade::net {

bool equal_ignoring_case(std::string_view a, std::string_view b);
// Whether a request's target names the server too, as it is sent to a proxy (RFC 9112, 3.2.2).
bool absolute_form(std::string_view target);

// All views are valid only while the handler that got the request runs. At least kBodyPadding readable bytes
// follow the body in memory, so that it can be parsed in place.
struct HttpRequest {
  std::string_view method;  // "POST"
  std::string_view target;  // as sent: "/predict/digits?probabilities=true"
  std::string_view path;    // "/predict/digits"
  std::string_view query;   // "probabilities=true"
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;

  // The first header of that name, in any case; empty where there is none.
  std::string_view header(std::string_view name) const;
  // Sets target, and path and query from it.
  void set_target(std::string_view sent);
};

inline constexpr std::size_t kBodyPadding = 64;

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "application/json";  // a literal, or empty for no body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // besides those about length and connection
  std::optional<base::Uuid> id = {};                         // goes out as X-Request-Id
};

std::string_view reason_phrase(int status);

}  // namespace saccade::net
