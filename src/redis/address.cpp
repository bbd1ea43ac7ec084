#include "redis/address.h"

#include <charconv>
#include <optional>

namespace saccade::redis {
namespace {

constexpr std::string_view kForm = "redis://[[user]:password@]host[:port][/database]";

// The message never repeats the URL: it may hold a password.
std::unexpected<base::Error> wrong(const std::string& what) {
  return base::invalid_argument("the URL of Redis: " + what + "; it should be " + std::string(kForm));
}

std::optional<int> number(std::string_view text, int largest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > largest)
    return std::nullopt;
  return value;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (error != std::errc{} || end != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

}  // namespace

std::string Address::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" + std::to_string(database);
}

base::Result<Address> parse_url(std::string_view url) {
  Address address;
  if (url.starts_with("rediss://"))
    return wrong("rediss (TLS) is not supported; put a TLS tunnel in between");
  if (!url.starts_with("redis://")) return wrong("it does not begin with redis://");
  url.remove_prefix(8);
  if (url.find_first_of("?#") != std::string_view::npos)
    return wrong("a query or fragment means nothing here");
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view path = url.substr(slash + 1);
    url = url.substr(0, slash);
    if (!path.empty()) {
      const auto database = number(path, 1'000'000);
      if (!database) return wrong("\"" + std::string(path) + "\" is no database's number");
      address.database = *database;
    }
  }
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    url = url.substr(at + 1);
    const std::size_t colon = who.find(':');
    if (colon == std::string_view::npos) return wrong("before the @ there is no colon, so no password");
    const auto user = percent_decoded(who.substr(0, colon));
    const auto password = percent_decoded(who.substr(colon + 1));
    if (!user || !password)
      return wrong("user or password have a % that is not followed by two hexadecimal digits");
    address.user = *user;
    address.password = *password;
  }
  std::string_view port;
  if (url.starts_with('[')) {
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return wrong("the [ of an IPv6 address is not closed");
    address.host = url.substr(1, end - 1);
    port = url.substr(end + 1);
  } else {
    const std::size_t colon = url.find(':');
    address.host = url.substr(0, colon);
    if (colon != std::string_view::npos) port = url.substr(colon);
  }
  if (address.host.empty()) return wrong("it names no host");
  if (!port.empty()) {
    const auto found = port.starts_with(':') ? number(port.substr(1), 65'535) : std::nullopt;
    if (!found || *found == 0) return wrong("\"" + std::string(port) + "\" is no port");
    address.port = *found;
  }
  return address;
}

}  // namespace saccade::redis
