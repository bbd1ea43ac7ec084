// Which web pages may use the server from a browser: cross-origin resource sharing, as the Fetch standard
// (https://fetch.spec.whatwg.org/#http-cors-protocol) has it.
//
// Where origins are set, requests that a browser sends for a page of any other origin are refused: CORS
// itself would only keep the answer from the page, and for a WebSocket not even that. Pages of the server's
// own origin are never refused. Constant; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http_message.h"

namespace saccade::http {

class Cors {
 public:
  Cors() = default;  // off: nothing is looked at
  // Each "*" (any page), "null" (pages without an origin, such as files), or an origin as browsers send it.
  static base::Result<Cors> make(const std::vector<std::string>& origins);

  bool enabled() const { return any_ || !origins_.empty(); }
  bool allows(std::string_view origin, const net::HttpRequest& request) const;
  std::string refusal(std::string_view origin) const;
  // `origin`: of the request, empty where it has none.
  void add_headers(std::string_view origin, net::HttpResponse& response) const;
  static bool is_preflight(const net::HttpRequest& request);
  // `methods`: of the path, separated by commas.
  net::HttpResponse answer_preflight(std::string_view origin, const std::string& methods) const;

 private:
  bool lists(std::string_view origin) const;

  bool any_ = false;
  std::vector<std::string> origins_;
};

}  // namespace saccade::http
