#include "http/deadline.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace saccade::http {

base::Result<base::TimePoint> deadline_after_ms(std::string_view text, std::string_view name,
                                                base::TimePoint arrived) {
  constexpr double kLongest = 1e12;  // some thirty years
  double milliseconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (failure != std::errc{} || end != text.data() + text.size() || !(milliseconds > 0)) {
    return base::invalid_argument(std::string(name) + " is \"" + std::string(text.substr(0, 100)) +
                                  "\"; it takes milliseconds, a number above 0");
  }
  if (milliseconds > kLongest) return base::TimePoint::max();
  return arrived + base::Duration(static_cast<base::Duration::rep>(milliseconds * 1e6));
}

base::Result<base::TimePoint> deadline_of(const net::HttpRequest& request, base::TimePoint arrived) {
  base::TimePoint deadline = base::TimePoint::max();
  for (const auto& [name, value] : request.headers) {
    // Most headers are told apart by their length.
    for (const std::string_view known : {kTimeoutHeader, kEnvoyTimeoutHeader}) {
      if (name.size() != known.size() || !net::equal_ignoring_case(name, known)) continue;
      const auto said = deadline_after_ms(value, known, arrived);
      if (!said) return said;
      deadline = std::min(deadline, *said);
    }
  }
  return deadline;
}

}  // namespace saccade::http
