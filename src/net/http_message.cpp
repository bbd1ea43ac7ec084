#include "net/http_message.h"

namespace saccade::net {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool absolute_form(std::string_view target) {
  return equal_ignoring_case(target.substr(0, 7), "http://") ||
         equal_ignoring_case(target.substr(0, 8), "https://");
}

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (equal_ignoring_case(field, name)) return value;
  }
  return {};
}

void HttpRequest::set_target(std::string_view sent) {
  target = sent;
  std::string_view origin = sent;
  if (absolute_form(sent)) {
    const std::size_t path_or_query = origin.find_first_of("/?#", origin.find("//") + 2);
    origin = path_or_query == std::string_view::npos ? std::string_view("/") : origin.substr(path_or_query);
  }
  const std::size_t mark = origin.find('?');
  path = origin.substr(0, mark);
  if (path.empty()) path = "/";
  query = mark == std::string_view::npos ? std::string_view{} : origin.substr(mark + 1);
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace saccade::net
