#include "cli/limit_options.h"

#include "cli/quantities.h"
#include "resilience/breaker_text.h"

namespace saccade::cli {
namespace {

std::unexpected<base::Error> of_flag(const std::string& flag, const base::Error& error) {
  return base::fail(error.code, flag + ": " + error.message);
}

}  // namespace

base::Result<std::unique_ptr<limit::Limiter>> rate_limits(const ServeOptions& options, redis::Client* redis,
                                                          observe::Registry& registry) {
  auto rules = limit::parse_rules(options.rate_limits);
  if (!rules) return of_flag("--rate-limit", rules.error());
  const auto wait = parse_duration(options.rate_limit_redis_timeout);
  if (!wait) return of_flag("--rate-limit-redis-timeout", wait.error());
  if (options.rate_limit_redis && redis == nullptr)
    return base::invalid_argument("--rate-limit-redis needs a Redis server: --redis redis://HOST:PORT");
  if (rules->empty()) return nullptr;
  return std::make_unique<limit::Limiter>(
      limit::LimiterSettings{
          .rules = *std::move(rules), .room = options.rate_limit_room, .longest_wait = *wait},
      options.rate_limit_redis ? redis : nullptr, registry);
}

base::Result<std::vector<limit::Network>> trusted_proxies(const ServeOptions& options) {
  std::vector<limit::Network> networks;
  for (const std::string& text : options.trusted_proxies) {
    auto network = limit::Network::parse(text);
    if (!network) return of_flag("--trusted-proxy", network.error());
    networks.push_back(*network);
  }
  return networks;
}

base::Result<serve::LoadSettings> load_settings(const ServeOptions& options) {
  const auto memory = parse_bytes(options.max_memory);
  if (!memory) return of_flag("--max-memory", memory.error());
  return serve::LoadSettings{.max_in_flight = options.max_in_flight, .max_memory = *memory};
}

base::Result<std::optional<resilience::GuardSettings>> breaker_settings(const ServeOptions& options) {
  auto settings = resilience::parse_breaker(options.circuit_breaker);
  if (!settings) return of_flag("--circuit-breaker", settings.error());
  return settings;
}

}  // namespace saccade::cli
