#include "net/http2_head.h"

namespace saccade::net {
namespace {

constexpr std::size_t kFieldOverhead = 32;  // RFC 9113, 6.5.2
constexpr std::size_t kFloodFactor = 8;     // times the limit: what compression alone can make of few bytes

}  // namespace

void Http2Head::clear() {
  text_.clear();
  fields_.clear();
  method_ = path_ = authority_ = host_ = {};
  bytes_ = 0;
  cookies_ = 0;
  has_host_ = false;
  too_large_ = false;
}

Http2Head::Span Http2Head::keep(std::string_view text) {
  const Span span{text_.size(), text.size()};
  text_ += text;
  return span;
}

Http2Head::Added Http2Head::add(std::string_view name, std::string_view value, const Limits& limits) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (bytes_ > limits.header_bytes * kFloodFactor) return Added::kFlood;
  too_large_ = too_large_ || bytes_ > limits.header_bytes || fields_.size() >= limits.headers;
  if (too_large_) return Added::kTooLarge;
  if (name.starts_with(':')) {
    if (name == ":method") method_ = keep(value);
    if (name == ":path") path_ = keep(value);
    if (name == ":authority") authority_ = keep(value);
    return Added::kKept;
  }
  if (name == "cookie") ++cookies_;
  const Span name_span = keep(name);
  const Span value_span = keep(value);
  fields_.push_back({name_span, value_span});
  if (name == "host") {
    has_host_ = true;
    host_ = value_span;
  }
  return Added::kKept;
}

bool Http2Head::hosts_differ() const {
  return has_host_ && authority_.length > 0 && !equal_ignoring_case(view(host_), view(authority_));
}

void Http2Head::join_cookies() {
  std::string joined;
  std::vector<Field> others;
  Field cookie;
  for (const Field& field : fields_) {
    if (view(field.name) != "cookie") {
      others.push_back(field);
      continue;
    }
    cookie.name = field.name;
    if (!joined.empty()) joined += "; ";
    joined += view(field.value);
  }
  cookie.value = keep(joined);
  others.push_back(cookie);
  fields_ = std::move(others);
  cookies_ = 1;
}

void Http2Head::fill(HttpRequest& request) {
  if (cookies_ > 1) join_cookies();
  request.method = view(method_);
  request.set_target(view(path_));
  request.headers.clear();
  if (!has_host_ && authority_.length > 0) request.headers.emplace_back("host", view(authority_));
  for (const Field& field : fields_) request.headers.emplace_back(view(field.name), view(field.value));
  request.body = {};
}

}  // namespace saccade::net
