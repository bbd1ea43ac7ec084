// A model's circuit breaker on a prediction's way: in front of the scheduler, behind the cache.
//
// What counts against a model is a run that fails or is slow, and runs that never come back. What was
// refused, came too late, was given up by its caller, or was wrong itself says nothing about it.
#pragma once

#include <optional>

#include "base/error.h"
#include "model/catalog.h"
#include "schedule/job.h"

namespace saccade::serve {

// For a model that has a guard(): why the request must not go on to it; or nothing, and then `done` reports
// to the guard what becomes of it.
std::optional<base::Error> guard(const model::Catalog::ModelPointer& model, schedule::Done& done);

}  // namespace saccade::serve
