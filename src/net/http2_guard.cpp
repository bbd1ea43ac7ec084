#include "net/http2_guard.h"

#include <algorithm>

namespace saccade::net {

TokenBucket::TokenBucket(std::size_t capacity, std::size_t per_second, base::TimePoint now)
    : capacity_(static_cast<double>(capacity)),
      per_second_(static_cast<double>(per_second)),
      tokens_(capacity_),
      filled_(now) {}

bool TokenBucket::take(base::TimePoint now) {
  tokens_ = std::min(capacity_, tokens_ + base::seconds(now - filled_) * per_second_);
  filled_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void TokenBucket::give_back(std::size_t tokens) {
  tokens_ = std::min(capacity_, tokens_ + static_cast<double>(tokens));
}

Http2Guard::Http2Guard(const Limits& limits, base::TimePoint now)
    : resets_(limits.http2_resets, limits.http2_resets_per_second, now),
      idle_frames_(limits.http2_idle_frames, limits.http2_idle_frames_per_second, now) {}

}  // namespace saccade::net
