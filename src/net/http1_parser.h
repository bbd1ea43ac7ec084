// HTTP/1.1 requests out of a stream of bytes (RFC 9112), on llhttp, which is strict about what request
// smuggling needs: two lengths, bare line feeds, odd transfer codings. Where llhttp is not (who is asked,
// other protocols' versions, HTTP/1.0's chunks), this is.
//
// The caller keeps the bytes of the message under way contiguous and hands the parser only the new ones at
// the end:
//   parser.feed(message_so_far, new_from)  →  kNeedMore | kComplete (request(), consumed()) | kFailed (error)
// Between two feeds the bytes may move to another place. Not synchronised; one per connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <llhttp.h>

#include "net/http_message.h"
#include "net/limits.h"

namespace saccade::net {

class Http1Parser {
 public:
  enum class State : std::uint8_t { kNeedMore, kComplete, kFailed };
  struct Failure {
    int status = 400;
    std::string message;
  };

  explicit Http1Parser(const Limits& limits);
  Http1Parser(const Http1Parser&) = delete;
  Http1Parser& operator=(const Http1Parser&) = delete;

  // `bytes` begin where the message under way begins; those before `from` were fed already.
  State feed(std::string_view bytes, std::size_t from);
  // Views into the bytes of the last feed; only after kComplete.
  const HttpRequest& request() const { return request_; }
  // How many of the bytes belong to the complete message.
  std::size_t consumed() const { return consumed_; }
  const Failure& failure() const { return failure_; }
  // Makes ready for the next message.
  void reset();

  bool headers_complete() const { return headers_complete_; }
  bool expects_continue() const { return expects_continue_; }
  // The announced length of the body, 0 where it is not announced.
  std::uint64_t content_length() const { return headers_complete_ ? content_length_ : 0; }
  bool keep_alive() const { return keep_alive_; }
  bool version_1_0() const { return parser_.http_major == 1 && parser_.http_minor == 0; }

 private:
  struct Span {
    std::size_t begin = 0;
    std::size_t length = 0;
  };
  struct Field {
    Span name;
    Span value;
  };
  struct Callbacks;

  std::size_t offset_of(const char* at) const { return static_cast<std::size_t>(at - base_); }
  void extend(Span& span, const char* at, std::size_t length) const;
  int within_header_bytes(const char* end);
  int on_headers_complete();
  int check_request_line();
  int check_fields();
  int on_body(const char* at, std::size_t length);
  int fail(int status, std::string message);
  State failed_by_parser(llhttp_errno_t code);
  void assemble(std::string_view bytes);

  const Limits& limits_;
  llhttp_t parser_{};
  const char* base_ = nullptr;  // of the bytes of the feed under way
  Span target_;
  std::vector<Field> fields_;
  bool in_value_ = false;
  Span body_;           // where the body lies in one piece
  std::string joined_;  // where it came in chunks
  bool chunked_ = false;
  bool headers_complete_ = false;
  bool message_complete_ = false;
  bool expects_continue_ = false;
  bool keep_alive_ = true;
  std::uint64_t content_length_ = 0;
  std::size_t consumed_ = 0;
  HttpRequest request_;
  Failure failure_;
};

}  // namespace saccade::net
