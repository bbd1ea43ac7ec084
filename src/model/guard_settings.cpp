#include "model/guard_settings.h"

#include "resilience/breaker_text.h"

namespace saccade::model {
namespace {

constexpr std::string_view kParameter = "circuit_breaker";

}  // namespace

bool is_guard_parameter(std::string_view name) {
  return name == kParameter;
}

base::Result<std::optional<resilience::GuardSettings>> guard_settings(
    const ModelSource& source, const std::optional<resilience::GuardSettings>& defaults) {
  const auto found = source.config.parameters.find(std::string(kParameter));
  if (found == source.config.parameters.end()) return defaults;
  auto parsed = resilience::parse_breaker(found->second);
  if (!parsed)
    return base::invalid_argument("model \"" + source.name + "\" version " + source.version +
                                  ": parameter circuit_breaker: " + parsed.error().message);
  return parsed;
}

}  // namespace saccade::model
