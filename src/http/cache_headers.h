// What HTTP says about answers that may be kept: RFC 9111 (caching) and RFC 9110, 8.8.3 and 13.1.2 (entity
// tags). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "net/http_message.h"
#include "request/freshness.h"

namespace saccade::http {

// The request's Cache-Control: no-store, no-cache, max-age, only-if-cached. Anything else is passed over, and
// an age that is no number counts as 0, the strictest.
request::CacheWishes cache_wishes(const net::HttpRequest& request);

// Whether the answer is for this caller alone: it said who it is.
bool speaks_for_itself(const net::HttpRequest& request, std::string_view certificate);

// Of an answer's content. Strong: the same tag is the same bytes. Weak (W/): the same prediction, in a body
// that says its own id and time.
std::string entity_tag(std::string_view content, bool strong);
// Whether an If-None-Match names this tag, by the weak comparison, or all ("*"). A body's compressed forms
// ("…-gzip") count as the body.
bool names_tag(std::string_view if_none_match, std::string_view tag);

struct CacheNote {
  request::Freshness freshness;
  std::string tag;
  bool for_one = false;  // `private`
};

// Cache-Control, Age, ETag and Vary. An answer that is not to be kept says so.
void add_cache_headers(net::HttpResponse& response, const CacheNote& note);
// The same answer, which the caller has already.
net::HttpResponse not_modified(const CacheNote& note);

}  // namespace saccade::http
