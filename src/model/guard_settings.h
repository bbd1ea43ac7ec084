// What a model's configuration says of the circuit breaker round its runs, over what the server's flag says
// of all models.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "model/repository.h"
#include "resilience/call_guard.h"

namespace saccade::model {

// Whether `parameters` of this name are read here: "circuit_breaker", as resilience::parse_breaker reads it.
bool is_guard_parameter(std::string_view name);

// Nothing: the model has none.
base::Result<std::optional<resilience::GuardSettings>> guard_settings(
    const ModelSource& source, const std::optional<resilience::GuardSettings>& defaults);

}  // namespace saccade::model
