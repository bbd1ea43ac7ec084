#include "cli/quantities.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <string>

namespace saccade::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// Those that end like another one come before it.
constexpr Unit kByteUnits[] = {{"KiB", 1024.0},
                               {"MiB", 1024.0 * 1024},
                               {"GiB", 1024.0 * 1024 * 1024},
                               {"kB", 1e3},
                               {"MB", 1e6},
                               {"GB", 1e9},
                               {"B", 1.0},
                               {"", 1.0}};
constexpr Unit kTimeUnits[] = {{"us", 1e3},     {"ms", 1e6},       {"s", 1e9},
                               {"m", 60 * 1e9}, {"h", 3600 * 1e9}, {"d", 24 * 3600 * 1e9}};
constexpr double kMostBytes = 1ULL << 50;
constexpr double kLongest = 100.0 * 365 * 24 * 3600 * 1e9;

std::optional<double> amount(std::string_view text, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    const std::string_view digits = text.substr(0, text.size() - unit.name.size());
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value) || value < 0) {
      return std::nullopt;
    }
    return value * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::uint64_t> parse_bytes(std::string_view text) {
  const auto bytes = amount(text, kByteUnits);
  if (bytes && *bytes <= kMostBytes) return static_cast<std::uint64_t>(*bytes);
  return base::invalid_argument("\"" + std::string(text.substr(0, 100)) +
                                "\" is no amount of memory; write 256MiB, 1GiB, or bytes");
}

base::Result<base::Duration> parse_duration(std::string_view text) {
  const auto nanoseconds = amount(text, kTimeUnits);
  if (nanoseconds && *nanoseconds >= 1 && *nanoseconds <= kLongest) {
    return base::Duration(static_cast<base::Duration::rep>(*nanoseconds));
  }
  return base::invalid_argument("\"" + std::string(text.substr(0, 100)) +
                                "\" is no time; write 5ms, 60s, 10m or 1h");
}

}  // namespace saccade::cli
