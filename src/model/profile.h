// How long runs of several sizes take, for the scheduler to begin with: measured once when the model is
// loaded, in bounded time. What it learns under traffic takes the place of these figures soon.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "model/open_model.h"
#include "schedule/batch_policy.h"

namespace saccade::model {

// Sizes 1, 2, 4, … up to the largest batch, as long as a larger one costs less per item and there is time.
// What was measured to choose the engine is not measured again. Empty where the model was not tried out.
// Blocks.
std::vector<schedule::MeasuredRun> profile(engine::Session& session, const OpenedModel& opened,
                                           std::size_t instances);

}  // namespace saccade::model
