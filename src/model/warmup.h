// The first runs of a model's sessions, before anybody waits for one: what config.pbtxt's model_warmup says,
// and one made-up run for each session in any case.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "model/completion.h"
#include "model/repository.h"

namespace saccade::model {

// Errors name the sample and what is wrong with it, or what the model said to it. Blocks.
base::Status warm_up(const ModelSource& source, const CompletedModel& model,
                     const std::vector<std::unique_ptr<engine::Session>>& sessions);

}  // namespace saccade::model
