// The flags about how much may come, as the rest of the house takes them. Errors (kInvalidArgument) name the
// flag.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "cli/options.h"
#include "limit/limiter.h"
#include "limit/network.h"
#include "observe/metrics.h"
#include "redis/client.h"
#include "resilience/call_guard.h"
#include "serve/load_limits.h"

namespace saccade::cli {

// Null: there are no rate limits. `redis` may be null and outlives it.
base::Result<std::unique_ptr<limit::Limiter>> rate_limits(const ServeOptions& options, redis::Client* redis,
                                                          observe::Registry& registry);
base::Result<std::vector<limit::Network>> trusted_proxies(const ServeOptions& options);
base::Result<serve::LoadSettings> load_settings(const ServeOptions& options);
base::Result<std::optional<resilience::GuardSettings>> breaker_settings(const ServeOptions& options);

}  // namespace saccade::cli
