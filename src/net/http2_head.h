// The header block of an HTTP/2 request, gathered field by field. Blocks of one connection never interleave,
// so a connection needs one; a request whose body is still to come takes it along. Not synchronised.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"
#include "net/limits.h"

namespace saccade::net {

class Http2Head {
 public:
  enum class Added : unsigned char { kKept, kTooLarge, kFlood };

  void clear();
  // Adds a field as the peer sent it, pseudo-headers included. kTooLarge: beyond the limits, the field is
  // dropped and the request is to be refused. kFlood: so far beyond them that the connection is to end.
  Added add(std::string_view name, std::string_view value, const Limits& limits);
  bool too_large() const { return too_large_; }
  bool empty() const { return bytes_ == 0; }
  // `host` names another than `:authority`: what a proxy before us went by need not be what we would (RFC
  // 9113, 8.3.1).
  bool hosts_differ() const;

  // Views into this head, which must stay where it is while they are used. `:authority` comes as "host",
  // and the pieces of a cookie as one field (RFC 9113, 8.2.3).
  void fill(HttpRequest& request);

 private:
  struct Span {
    std::size_t begin = 0;
    std::size_t length = 0;
  };
  struct Field {
    Span name;
    Span value;
  };
  Span keep(std::string_view text);
  std::string_view view(Span span) const { return std::string_view(text_).substr(span.begin, span.length); }
  void join_cookies();

  std::string text_;
  std::vector<Field> fields_;
  Span method_;
  Span path_;
  Span authority_;
  std::size_t bytes_ = 0;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts them
  std::size_t cookies_ = 0;
  Span host_;
  bool has_host_ = false;
  bool too_large_ = false;
};

}  // namespace saccade::net
