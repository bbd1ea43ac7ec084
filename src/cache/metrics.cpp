#include "cache/metrics.h"

namespace saccade::cache {
namespace {

observe::Counter& hits(observe::Registry& registry, const char* tier) {
  return registry.counter("saccade_cache_hits_total",
                          "Requests answered from the response cache, by tier: memory, redis.",
                          {{"tier", tier}});
}

observe::Counter& evictions(observe::Registry& registry, const char* reason) {
  return registry.counter("saccade_cache_evictions_total",
                          "Answers that left the memory of the response cache: room (for others), expired.",
                          {{"reason", reason}});
}

}  // namespace

Metrics::Metrics(observe::Registry& registry)
    : memory_hits(hits(registry, "memory")),
      redis_hits(hits(registry, "redis")),
      misses(registry.counter("saccade_cache_misses_total",
                              "Requests of cached models that were found in no tier and ran.")),
      coalesced(registry.counter("saccade_cache_coalesced_total",
                                 "Requests that were answered with the run of an equal one.")),
      bypassed(registry.counter("saccade_cache_bypassed_total",
                                "Requests of cached models whose callers wanted no stored answer.")),
      evicted_for_room(evictions(registry, "room")),
      evicted_expired(evictions(registry, "expired")),
      redis_failures(
          registry.counter("saccade_cache_redis_failures_total",
                           "Looks into Redis that brought no answer in time, or none that could be read.")),
      bytes(registry.gauge("saccade_cache_bytes", "Memory that the response cache holds.")),
      entries(registry.gauge("saccade_cache_entries", "Answers that the response cache holds in memory.")) {}

}  // namespace saccade::cache
