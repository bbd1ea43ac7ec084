#include "cli/cache_options.h"

#include "cli/quantities.h"

namespace saccade::cli {
namespace {

base::Error of_flag(const std::string& flag, const base::Error& error) {
  return {error.code, flag + ": " + error.message};
}

}  // namespace

base::Result<cache::Settings> cache_settings(const ServeOptions& options) {
  cache::Settings settings;
  const auto bytes = parse_bytes(options.cache_bytes);
  if (!bytes) return std::unexpected(of_flag("--cache-bytes", bytes.error()));
  settings.memory_bytes = *bytes;
  const auto lifetime = parse_duration(options.cache_ttl);
  if (!lifetime) return std::unexpected(of_flag("--cache-ttl", lifetime.error()));
  if (*lifetime < std::chrono::milliseconds(1)) {
    return base::invalid_argument("--cache-ttl: an answer is kept for 1ms at least");
  }
  settings.lifetime = *lifetime;
  const auto timeout = parse_duration(options.cache_redis_timeout);
  if (!timeout) return std::unexpected(of_flag("--cache-redis-timeout", timeout.error()));
  settings.redis_timeout = *timeout;
  if (options.cache_redis && options.redis.empty()) {
    return base::invalid_argument("--cache-redis needs a Redis server: --redis redis://HOST:PORT");
  }
  return settings;
}

cache::Selection cache_selection(const ServeOptions& options) {
  cache::Selection selection;
  for (const std::string& model : options.cache) {
    if (model == "all") {
      selection.all = true;
    } else {
      selection.models.insert(model);
    }
  }
  const auto bytes = parse_bytes(options.cache_bytes);
  selection.off = bytes && *bytes == 0;
  selection.shared = options.cache_redis;
  return selection;
}

}  // namespace saccade::cli
