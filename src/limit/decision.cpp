#include "limit/decision.h"

#include <algorithm>

namespace saccade::limit {
namespace {

std::int64_t whole(base::Duration duration, base::Duration unit) {
  return (duration.count() + unit.count() - 1) / unit.count();
}

}  // namespace

std::string Decision::policy_field() const {
  if (rule == nullptr) return {};
  const std::int64_t burst = rule->rate.burst();
  const std::int64_t window =
      std::max<std::int64_t>(1, whole(rule->rate.interval * burst, std::chrono::seconds(1)));
  return "\"" + rule->title + "\";q=" + std::to_string(burst) + ";w=" + std::to_string(window);
}

std::string Decision::limit_field() const {
  if (rule == nullptr) return {};
  return "\"" + rule->title + "\";r=" + std::to_string(remaining) +
         ";t=" + std::to_string(whole(allowed ? full_in : retry_after, std::chrono::seconds(1)));
}

std::int64_t Decision::retry_after_seconds() const {
  return std::max<std::int64_t>(1, whole(retry_after, std::chrono::seconds(1)));
}

base::Error Decision::error() const {
  const std::int64_t milliseconds =
      std::max<std::int64_t>(1, whole(retry_after, std::chrono::milliseconds(1)));
  return {base::Code::kRateLimited,
          "the rate limit " + (rule != nullptr ? rule->text : std::string()) + " is used up; try again in " +
              std::to_string(milliseconds) + " ms",
          std::chrono::milliseconds(milliseconds)};
}

}  // namespace saccade::limit
