// What one HTTP/2 peer may ask for without asking for an answer: streams given up early, frames that carry no
// request. Each is a bucket of tokens that fills with time. Not synchronised.
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "net/limits.h"

namespace saccade::net {

class TokenBucket {
 public:
  TokenBucket(std::size_t capacity, std::size_t per_second, base::TimePoint now);
  // False: there is none left.
  bool take(base::TimePoint now);
  void give_back(std::size_t tokens);

 private:
  double capacity_;
  double per_second_;
  double tokens_;
  base::TimePoint filled_;
};

class Http2Guard {
 public:
  Http2Guard(const Limits& limits, base::TimePoint now);
  // Each returns false where the peer has gone too far.
  bool stream_given_up(base::TimePoint now) { return resets_.take(now); }
  bool idle_frame(base::TimePoint now) { return idle_frames_.take(now); }
  // Headers or data, received or sent: pays for some frames that carry none.
  void useful_frame() { idle_frames_.give_back(kIdlePerUseful); }

 private:
  static constexpr std::size_t kIdlePerUseful = 4;
  TokenBucket resets_;
  TokenBucket idle_frames_;
};

}  // namespace saccade::net
