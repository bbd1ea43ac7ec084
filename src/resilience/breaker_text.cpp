#include "resilience/breaker_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace saccade::resilience {
namespace {

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

std::optional<double> share(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const auto percent = number(text.substr(0, text.size() - 1));
  if (!percent || *percent <= 0 || *percent > 100) return std::nullopt;
  return *percent / 100;
}

std::optional<base::Duration> duration(std::string_view text) {
  double unit = 0;
  std::size_t letters = 1;
  if (text.ends_with("us")) {
    unit = 1e3;
    letters = 2;
  } else if (text.ends_with("ms")) {
    unit = 1e6;
    letters = 2;
  } else if (text.ends_with('s')) {
    unit = 1e9;
  } else if (text.ends_with('m')) {
    unit = 60e9;
  } else {
    return std::nullopt;
  }
  const auto value = number(text.substr(0, text.size() - letters));
  if (!value || *value * unit < 1e3 || *value * unit > 86'400e9) return std::nullopt;
  return base::Duration(static_cast<std::int64_t>(*value * unit));
}

struct Reader {
  GuardSettings settings;
  bool failures = false;
  bool slow = false;
  bool slow_after = false;

  // What would be right; empty: it was.
  std::string read(std::string_view name, std::string_view value) {
    BreakerSettings& breaker = settings.breaker;
    const auto take_share = [&](double& into, bool& named) -> std::string {
      const auto read = share(value);
      if (!read) return "a share above 0% and up to 100%";
      into = *read;
      named = true;
      return {};
    };
    const auto take_duration = [&](base::Duration& into) -> std::string {
      const auto read = duration(value);
      if (!read) return "a time with its unit, like 200ms or 10s, from 1us to 1440m";
      into = *read;
      return {};
    };
    if (name == "failures") return take_share(breaker.failure_rate, failures);
    if (name == "slow") return take_share(breaker.slow_rate, slow);
    if (name == "slow_after") {
      slow_after = true;
      return take_duration(breaker.slow_after);
    }
    if (name == "hang") return take_duration(settings.hang_after);
    if (name == "window") return take_duration(breaker.window);
    if (name == "open") return take_duration(breaker.open_for);
    if (name == "longest_open") return take_duration(breaker.longest_open);
    if (name == "calls") {
      const auto calls = number(value);
      if (!calls || *calls < 1 || *calls > 1e6 || *calls != std::floor(*calls))
        return "a whole number from 1 to 1000000";
      breaker.minimum_calls = static_cast<std::uint32_t>(*calls);
      return {};
    }
    return "one of failures, slow, slow_after, hang, window, calls, open and longest_open";
  }
};

}  // namespace

base::Result<std::optional<GuardSettings>> parse_breaker(std::string_view text) {
  if (text == "none") return std::nullopt;
  if (text == "on") return GuardSettings{};
  Reader reader;
  std::string_view rest = text;
  do {
    const std::size_t comma = rest.find(',');
    const std::string_view piece = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const std::size_t equals = piece.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1);
    const std::string right = reader.read(piece.substr(0, equals), value);
    if (!right.empty()) {
      return base::invalid_argument("circuit breaker \"" + std::string(text) + "\": \"" + std::string(piece) +
                                    "\" should be " + right +
                                    "; all of it is on, none, or like failures=50%,hang=10s");
    }
  } while (!rest.empty());
  if (reader.slow && !reader.slow_after)
    return base::invalid_argument("circuit breaker \"" + std::string(text) +
                                  "\": slow needs slow_after, the time from which a run is slow");
  if (!reader.failures && reader.slow_after) reader.settings.breaker.failure_rate = 2;  // only what is named
  if (reader.slow_after && !reader.slow) reader.settings.breaker.slow_rate = 0.5;
  BreakerSettings& breaker = reader.settings.breaker;
  breaker.longest_open = std::max(breaker.longest_open, breaker.open_for);
  return reader.settings;
}

}  // namespace saccade::resilience
