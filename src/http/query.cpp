#include "http/query.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace saccade::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
               hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::unexpected<base::Error> wrong(std::string_view name, const std::string& value,
                                   const std::string& right) {
  return base::invalid_argument("query parameter \"" + std::string(name) + "\" is \"" + value.substr(0, 100) +
                                "\"; it takes " + right);
}

template <typename T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "2026-11-24T05:23:45[.678](Z|±hh:mm)"
std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
      text[13] != ':' || text[16] != ':')
    return std::nullopt;
  // Wide, since they are multiplied to seconds below.
  const auto year = parse<int>(text.substr(0, 4));
  const auto month = parse<unsigned>(text.substr(5, 2));
  const auto day = parse<unsigned>(text.substr(8, 2));
  const auto hour = parse<std::int64_t>(text.substr(11, 2));
  const auto minute = parse<std::int64_t>(text.substr(14, 2));
  const auto second = parse<std::int64_t>(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok() || *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59 || *second < 0 || *second > 60)
    return std::nullopt;
  text.remove_prefix(19);
  double fraction = 0;
  if (text.starts_with('.')) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
    const auto parsed = parse<double>("0" + std::string(text.substr(0, end)));
    if (!parsed) return std::nullopt;
    fraction = *parsed;
    text.remove_prefix(end);
  }
  std::int64_t offset_minutes = 0;
  if (text.size() == 6 &&
      (text[0] == '+' || text[0] == '-' || text[0] == ' ')) {  // a bare + in a query is a space
    const auto hours = parse<std::int64_t>(text.substr(1, 2));
    const auto minutes = parse<std::int64_t>(text.substr(4, 2));
    if (!hours || !minutes || text[3] != ':') return std::nullopt;
    if (*hours < 0 || *hours > 23 || *minutes < 0 || *minutes > 59) return std::nullopt;
    offset_minutes = (*hours * 60 + *minutes) * (text[0] == '-' ? -1 : 1);
  } else if (text != "Z" && text != "z") {
    return std::nullopt;
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds =
      static_cast<std::int64_t>(days) * 86'400 + *hour * 3'600 + *minute * 60 + *second - offset_minutes * 60;
  return seconds * 1'000'000 + std::llround(fraction * 1e6);
}

}  // namespace

bool percent_decode(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return false;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return true;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    const std::size_t equals = std::min(part.find('='), part.size());
    if (part.substr(0, equals) == name) {
      return decode(equals < part.size() ? part.substr(equals + 1) : std::string_view{});
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

base::Result<bool> query_flag(std::string_view query, std::string_view name, bool fallback) {
  if (query.empty()) return fallback;
  const auto value = query_value(query, name);
  if (!value) return fallback;
  if (value->empty() || *value == "true" || *value == "1") return true;
  if (*value == "false" || *value == "0") return false;
  return wrong(name, *value, "true or false");
}

base::Result<std::int64_t> query_number(std::string_view query, std::string_view name, std::int64_t fallback,
                                        std::int64_t least, std::int64_t most) {
  const auto value = query_value(query, name);
  if (!value) return fallback;
  const auto number = parse<std::int64_t>(*value);
  if (!number || *number < least || *number > most) {
    return wrong(name, *value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return *number;
}

base::Result<std::int64_t> query_time(std::string_view query, std::string_view name, std::int64_t fallback) {
  const auto value = query_value(query, name);
  if (!value) return fallback;
  if (const auto seconds = parse<double>(*value); seconds && std::abs(*seconds) < 9e12) {
    return std::llround(*seconds * 1e6);
  }
  if (const auto time = parse_rfc3339(*value)) return *time;
  return wrong(name, *value, "seconds since 1970 or a time such as 2026-11-24T05:23:45Z");
}

}  // namespace saccade::http
