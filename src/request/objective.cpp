#include "request/objective.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace saccade::request {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
    {{"us", 1e3},
     {"ms", 1e6},
     {"ns", 1.0},
     {"s", 1e9}}};  // in nanoseconds; "s" last, as the others end in it
constexpr double kLongest = 3600e9;

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::optional<base::Duration> duration(std::string_view text) {
  for (const auto& [unit, nanoseconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto value = number(text.substr(0, text.size() - unit.size()));
    if (!value || *value * nanoseconds < 1 || *value * nanoseconds > kLongest) return {};
    return base::Duration(static_cast<base::Duration::rep>(*value * nanoseconds));
  }
  return {};
}

// "p99.9" is 0.999.
std::optional<double> quantile(std::string_view text) {
  if (!text.starts_with('p')) return {};
  const auto value = number(text.substr(1));
  if (!value || *value < 1 || *value >= 100) return {};
  return *value / 100;
}

std::string trimmed(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace

base::Result<Objective> parse_objective(std::string_view text) {
  Objective objective;
  std::string_view time = text;
  std::optional<double> share = objective.quantile;
  if (const auto equals = text.find('='); equals != std::string_view::npos) {
    share = quantile(text.substr(0, equals));
    time = text.substr(equals + 1);
  }
  const auto latency = duration(time);
  if (!share || !latency) {
    return base::invalid_argument("an objective of \"" + std::string(text) +
                                  "\"; it is written as a percentile and a time, for example p99=20ms "
                                  "(from p1 to p99.99…; ns, us, ms or s, up to 3600s)");
  }
  objective.quantile = *share;
  objective.latency = *latency;
  return objective;
}

std::string to_text(const Objective& objective) {
  if (!objective.stated()) return "none";
  const auto nanoseconds = static_cast<double>(objective.latency.count());
  const std::string percent = trimmed(std::round(objective.quantile * 1e8) / 1e6);
  if (nanoseconds >= 1e9) return "p" + percent + "=" + trimmed(nanoseconds / 1e9) + "s";
  if (nanoseconds >= 1e6) return "p" + percent + "=" + trimmed(nanoseconds / 1e6) + "ms";
  return "p" + percent + "=" + trimmed(nanoseconds / 1e3) + "us";
}

}  // namespace saccade::request
