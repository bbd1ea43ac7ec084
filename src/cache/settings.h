// What is kept, how much of it and for how long. Constant.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace saccade::cache {

struct Settings {
  std::size_t memory_bytes = std::size_t{256} << 20;            // 0: nothing is kept
  base::Duration lifetime = std::chrono::seconds(60);           // of an answer
  base::Duration redis_timeout = std::chrono::milliseconds(5);  // longest that a prediction waits for Redis
};

// Which models' answers are kept besides those whose configuration says so.
struct Selection {
  std::set<std::string, std::less<>> models;
  bool all = false;
  bool shared = false;  // with other servers: models are known by what their files hold
  bool off = false;     // whatever configurations say

  bool has(std::string_view model) const { return all || models.contains(model); }
};

}  // namespace saccade::cache
