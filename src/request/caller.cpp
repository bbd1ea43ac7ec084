#include "request/caller.h"

#include <algorithm>

#include "base/clock.h"

namespace saccade::request {

bool Identity::may_use(std::string_view model) const {
  if (!models) return true;
  return std::ranges::any_of(*models,
                             [model](const std::string& pattern) { return matches_pattern(pattern, model); });
}

bool Caller::may_go_on() const {
  if (identity == nullptr) return true;
  const bool ends = identity->expires != std::numeric_limits<std::int64_t>::max();
  return identity->valid(ends ? base::unix_micros() / 1'000'000 : 0);
}

// Only the last * is ever tried again, so the time is at most the product of both lengths.
bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;  // in the pattern
  std::size_t star = std::string_view::npos;
  std::size_t tried = 0;  // where in the text the last * stopped
  for (std::size_t i = 0; i < text.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      tried = i;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[i])) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++tried;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace saccade::request
