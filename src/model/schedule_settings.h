// What a model's configuration says of how its requests are scheduled, over what the server's flags say of
// all models.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "model/config.h"
#include "request/objective.h"
#include "schedule/batch_policy.h"

namespace saccade::model {

struct ScheduleDefaults {
  request::Objective objective;   // may be not stated
  std::size_t min_instances = 0;  // runs that are kept ready side by side; 0: as the load asks
  std::size_t max_instances = 0;  // most runs side by side; 0: as many as fit the processors
};

// Whether `parameters` of this name are read here: "objective" ("p99=20ms", or "none" where the server's is
// not this model's) and "min_instances".
bool is_schedule_parameter(std::string_view name);

// Sets the objective and the bounds of the instances: the parameters, and all instance groups' counts
// together as the most. Errors begin with `where`.
base::Status apply_schedule_settings(const ModelConfig& config, const ScheduleDefaults& defaults,
                                     const std::string& where, schedule::BatchPolicy& policy);

}  // namespace saccade::model
