// What the rate limits say of one call.
//
// The header fields are those of draft-ietf-httpapi-ratelimit-headers-10 ("RateLimit header fields for
// HTTP"): RateLimit-Policy says what the limit is, RateLimit how much of it is left.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "limit/rule.h"

namespace saccade::limit {

struct Decision {
  bool allowed = true;
  const Rule* rule = nullptr;  // the one that refuses, or the one of which least is left; null: none applies
  std::int64_t remaining = 0;
  base::Duration full_in{0};      // until all of the burst may come again
  base::Duration retry_after{0};  // where it refuses

  // The values of the header fields.
  std::string policy_field() const;  // "address";q=200;w=2
  std::string limit_field() const;   // "address";r=13;t=2
  // In whole seconds, as Retry-After has it.
  std::int64_t retry_after_seconds() const;
  base::Error error() const;
};

}  // namespace saccade::limit
