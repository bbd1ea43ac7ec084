#include "access/metrics.h"

#include <string>

#include "base/clock.h"

namespace saccade::access {
namespace {

constexpr std::array<const char*, kOutcomes> kNames = {
    "key", "token", "certificate", "none", "unknown_key", "expired", "bad_token", "unavailable", "forbidden"};
constexpr const char* kReloads = "saccade_auth_reloads_total";
constexpr const char* kReloadsHelp =
    "Times that a changed keys file or an issuer's key set was taken up, or was no good.";

}  // namespace

ReloadMetrics::ReloadMetrics(observe::Registry& registry, std::string_view source)
    : ok(registry.counter(kReloads, kReloadsHelp, {{"source", std::string(source)}, {"outcome", "ok"}})),
      failed(
          registry.counter(kReloads, kReloadsHelp, {{"source", std::string(source)}, {"outcome", "failed"}})),
      last(registry.gauge("saccade_auth_last_reload_seconds",
                          "When the keys in use were taken up, in seconds since 1970.",
                          {{"source", std::string(source)}})) {}

void ReloadMetrics::succeeded() {
  ok.add();
  last.set(base::unix_micros() / 1'000'000);
}

Metrics::Metrics(observe::Registry& registry) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    outcomes_[i] = &registry.counter("saccade_auth_total",
                                     "Calls by how their callers were recognised, or why they were refused.",
                                     {{"outcome", kNames[i]}});
  }
}

}  // namespace saccade::access
