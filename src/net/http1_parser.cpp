#include "net/http1_parser.h"

#include <algorithm>
#include <array>
#include <string>

namespace saccade::net {
namespace {

// What a Host may consist of: RFC 9110, 7.2, which takes it from RFC 3986, 3.2.2 and 3.2.3.
constexpr std::array<bool, 256> kHostCharacters = [] {
  std::array<bool, 256> allowed{};
  for (int c = '0'; c <= '9'; ++c) allowed[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) allowed[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) allowed[static_cast<std::size_t>(c)] = true;
  for (const unsigned char c : std::string_view("-._~%!$&'()*+,;=:[]"))
    allowed[static_cast<std::size_t>(c)] = true;
  return allowed;
}();

bool is_host(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return kHostCharacters[static_cast<unsigned char>(c)]; });
}

std::string_view without_spaces_behind(std::string_view value) {
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

}  // namespace

struct Http1Parser::Callbacks {
  static Http1Parser& self(llhttp_t* parser) { return *static_cast<Http1Parser*>(parser->data); }

  static int url(llhttp_t* parser, const char* at, std::size_t length) {
    Http1Parser& me = self(parser);
    me.extend(me.target_, at, length);
    return me.within_header_bytes(at + length);
  }
  static int field(llhttp_t* parser, const char* at, std::size_t length) {
    Http1Parser& me = self(parser);
    // Fields after the body has begun are trailers: they are read over.
    if (me.headers_complete_) return HPE_OK;
    if (me.fields_.empty() || me.in_value_) {
      if (me.fields_.size() >= me.limits_.headers) {
        return me.fail(431, "more than " + std::to_string(me.limits_.headers) + " header fields");
      }
      me.fields_.emplace_back();
      me.in_value_ = false;
    }
    me.extend(me.fields_.back().name, at, length);
    return me.within_header_bytes(at + length);
  }
  static int value(llhttp_t* parser, const char* at, std::size_t length) {
    Http1Parser& me = self(parser);
    if (me.headers_complete_ || me.fields_.empty()) return HPE_OK;
    me.in_value_ = true;
    me.extend(me.fields_.back().value, at, length);
    return me.within_header_bytes(at + length);
  }
  static int value_complete(llhttp_t* parser) {
    self(parser).in_value_ = true;
    return HPE_OK;
  }
  static int headers_complete(llhttp_t* parser) { return self(parser).on_headers_complete(); }
  static int body(llhttp_t* parser, const char* at, std::size_t length) {
    return self(parser).on_body(at, length);
  }
  static int message_complete(llhttp_t* parser) {
    self(parser).message_complete_ = true;
    return HPE_PAUSED;
  }

  static const llhttp_settings_t* settings() {
    static const llhttp_settings_t settings = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = &Callbacks::url;
      made.on_header_field = &Callbacks::field;
      made.on_header_value = &Callbacks::value;
      made.on_header_value_complete = &Callbacks::value_complete;
      made.on_headers_complete = &Callbacks::headers_complete;
      made.on_body = &Callbacks::body;
      made.on_message_complete = &Callbacks::message_complete;
      return made;
    }();
    return &settings;
  }
};

Http1Parser::Http1Parser(const Limits& limits) : limits_(limits) {
  llhttp_init(&parser_, HTTP_REQUEST, Callbacks::settings());
  parser_.data = this;
}

void Http1Parser::reset() {
  llhttp_reset(&parser_);
  target_ = {};
  fields_.clear();
  in_value_ = false;
  body_ = {};
  joined_.clear();
  if (joined_.capacity() > 4096) joined_.shrink_to_fit();
  chunked_ = false;
  headers_complete_ = false;
  message_complete_ = false;
  expects_continue_ = false;
  content_length_ = 0;
  consumed_ = 0;
}

// Spans come in pieces where a feed ends inside them; the pieces touch, since the bytes are contiguous.
void Http1Parser::extend(Span& span, const char* at, std::size_t length) const {
  if (span.length == 0) span.begin = offset_of(at);
  span.length = offset_of(at) + length - span.begin;
}

int Http1Parser::fail(int status, std::string message) {
  failure_ = {status, std::move(message)};
  return HPE_USER;
}

// Also where the whole of it came in one feed.
int Http1Parser::within_header_bytes(const char* end) {
  if (offset_of(end) <= limits_.header_bytes) return HPE_OK;
  const bool in_target = fields_.empty();
  return fail(in_target ? 414 : 431, std::string(in_target ? "the request line has" : "the headers have") +
                                         " more than the " + std::to_string(limits_.header_bytes) +
                                         " bytes taken");
}

int Http1Parser::on_headers_complete() {
  if (parser_.http_major != 1) return fail(505, "this connection speaks HTTP/1.1 or HTTP/1.0");
  headers_complete_ = true;
  keep_alive_ = llhttp_should_keep_alive(&parser_) != 0;
  chunked_ = (parser_.flags & F_CHUNKED) != 0;
  content_length_ = (parser_.flags & F_CONTENT_LENGTH) != 0 ? parser_.content_length : 0;
  if (content_length_ > limits_.body_bytes) {
    return fail(413, "the body has " + std::to_string(content_length_) + " bytes, the most taken is " +
                         std::to_string(limits_.body_bytes));
  }
  const int code = check_request_line();
  return code == HPE_OK ? check_fields() : code;
}

// What llhttp lets through there: other protocols' versions (RTSP/1.0, ICE/1.0), and targets that are neither
// a path nor an address of this server (RFC 9112, 3.2).
int Http1Parser::check_request_line() {
  if (parser_.method == HTTP_CONNECT) return fail(501, "CONNECT: this server is no proxy");
  const char* version = base_ + target_.begin + target_.length;
  while (*version == ' ') ++version;
  if (*version != 'H') return fail(505, "this connection speaks HTTP/1.1 or HTTP/1.0");
  const std::string_view target(base_ + target_.begin, target_.length);
  if (target.starts_with('/') || target == "*" || absolute_form(target)) return HPE_OK;
  return fail(400, "the request's target must be a path, or an address that begins with http://");
}

int Http1Parser::check_fields() {
  std::size_t hosts = 0;
  for (const Field& field : fields_) {
    const std::string_view name(base_ + field.name.begin, field.name.length);
    const std::string_view value(base_ + field.value.begin, field.value.length);
    if (name.size() == 4 && equal_ignoring_case(name, "host")) {
      if (++hosts > 1) return fail(400, "not a valid HTTP request: more than one Host");
      if (!is_host(without_spaces_behind(value)))
        return fail(400, "not a valid HTTP request: Host is no name of a host");
    } else if (name.size() == 6 && equal_ignoring_case(name, "expect")) {
      if (!equal_ignoring_case(value, "100-continue")) return fail(417, "Expect: only 100-continue is known");
      expects_continue_ = true;
    } else if (name.size() == 17 && equal_ignoring_case(name, "transfer-encoding")) {
      // Another coding besides chunked would have to be undone; in HTTP/1.0 there is none (RFC 9112, 6.1).
      if (version_1_0()) return fail(400, "not a valid HTTP request: HTTP/1.0 has no Transfer-Encoding");
      if (!equal_ignoring_case(without_spaces_behind(value), "chunked")) {
        return fail(501, "Transfer-Encoding: only chunked is known");
      }
    }
  }
  if (hosts == 0 && !version_1_0()) return fail(400, "not a valid HTTP request: Host is missing");
  return HPE_OK;
}

int Http1Parser::on_body(const char* at, std::size_t length) {
  if (!chunked_) {
    extend(body_, at, length);
    return HPE_OK;
  }
  if (joined_.size() + length > limits_.body_bytes) {
    return fail(413, "the body has more than the " + std::to_string(limits_.body_bytes) + " bytes taken");
  }
  joined_.append(at, length);
  return HPE_OK;
}

Http1Parser::State Http1Parser::failed_by_parser(llhttp_errno_t code) {
  // After fail(): llhttp passes its code on from most callbacks, but has one of its own for the headers' end.
  if (code == HPE_USER || code == HPE_CB_HEADERS_COMPLETE) return State::kFailed;
  const char* reason = llhttp_get_error_reason(&parser_);
  std::string message = "not a valid HTTP request: ";
  message += reason != nullptr && *reason != '\0' ? reason : llhttp_errno_name(code);
  const int status = code == HPE_INVALID_METHOD ? 501 : code == HPE_INVALID_VERSION ? 505 : 400;
  failure_ = {status, std::move(message)};
  return State::kFailed;
}

Http1Parser::State Http1Parser::feed(std::string_view bytes, std::size_t from) {
  base_ = bytes.data();
  const char* begin = bytes.data() + from;
  const llhttp_errno_t code = llhttp_execute(&parser_, begin, bytes.size() - from);
  if (message_complete_) {
    consumed_ = offset_of(llhttp_get_error_pos(&parser_));
    assemble(bytes);
    return State::kComplete;
  }
  if (code != HPE_OK) return failed_by_parser(code);
  if (!headers_complete_ && within_header_bytes(bytes.data() + bytes.size()) != HPE_OK) return State::kFailed;
  if (chunked_ && bytes.size() > limits_.header_bytes + 2 * limits_.body_bytes) {
    fail(413,
         "the body's chunks take more than twice the " + std::to_string(limits_.body_bytes) + " bytes taken");
    return State::kFailed;
  }
  return State::kNeedMore;
}

void Http1Parser::assemble(std::string_view bytes) {
  const auto view = [bytes](const Span& span) { return bytes.substr(span.begin, span.length); };
  request_.method = llhttp_method_name(static_cast<llhttp_method_t>(parser_.method));
  request_.set_target(view(target_));
  request_.headers.clear();
  for (const Field& field : fields_) {
    request_.headers.emplace_back(view(field.name), without_spaces_behind(view(field.value)));
  }
  if (chunked_) {
    // Room for the padding that parsers in place read over.
    joined_.reserve(joined_.size() + kBodyPadding);
    request_.body = joined_;
  } else {
    request_.body = view(body_);
  }
}

}  // namespace saccade::net
