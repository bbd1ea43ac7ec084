#include "grpc/timeout.h"

#include <charconv>

namespace saccade::grpc {
namespace {

// In nanoseconds; 0: no such unit.
std::int64_t unit_of(char letter) {
  switch (letter) {
    case 'H':
      return 3'600'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::optional<base::Duration> parse_timeout(std::string_view text) {
  constexpr std::size_t kMostDigits = 8;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const std::int64_t unit = unit_of(text.back());
  text.remove_suffix(1);
  if (unit == 0 || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  if (count > base::Duration::max().count() / unit) return base::Duration::max();
  return base::Duration(count * unit);
}

base::TimePoint deadline_after(base::TimePoint from, base::Duration timeout) {
  if (timeout > base::TimePoint::max() - from) return base::TimePoint::max();
  return from + timeout;
}

}  // namespace saccade::grpc
