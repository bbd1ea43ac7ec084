// What is counted of callers and of the files that say who may call. Safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "observe/metrics.h"

namespace saccade::access {

enum class Outcome : std::uint8_t {
  kKey,
  kToken,
  kCertificate,
  kNone,         // nothing was shown
  kUnknownKey,   // an API key that there is not
  kExpired,      // a key or a token whose time is over
  kBadToken,     // any other token that is refused
  kUnavailable,  // the issuer's keys could not be had
  kForbidden,    // recognised, but not allowed what was asked
};
inline constexpr std::size_t kOutcomes = 9;

// Of one thing that is read again and again.
struct ReloadMetrics {
  // `source`: "keys" or "jwks".
  ReloadMetrics(observe::Registry& registry, std::string_view source);
  void succeeded();

  observe::Counter& ok;
  observe::Counter& failed;
  observe::Gauge& last;  // seconds since 1970
};

class Metrics {
 public:
  explicit Metrics(observe::Registry& registry);
  void count(Outcome outcome) { outcomes_[static_cast<std::size_t>(outcome)]->add(); }

 private:
  std::array<observe::Counter*, kOutcomes> outcomes_{};
};

}  // namespace saccade::access
