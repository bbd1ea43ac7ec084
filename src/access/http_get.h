// Fetches a small document over HTTP or HTTPS, and how long it may be kept. Blocks; for a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::access {

struct Fetched {
  std::string body;
  std::optional<std::chrono::seconds> max_age = {};  // as Cache-Control says; absent: it says nothing
};

// `ca`: a file of the authorities (PEM) that an https server's certificate must come from; empty: the
// system's. `stop`: set by any thread, ends a fetch within about a second. Errors (kUnavailable) say why.
base::Result<Fetched> http_get(const std::string& url, const std::string& ca, std::size_t most_bytes,
                               const std::atomic<bool>& stop);

// Of a Cache-Control field (RFC 9111, 5.2.2). 0 where it must not be kept.
std::optional<std::chrono::seconds> max_age_of(std::string_view cache_control);

}  // namespace saccade::access
