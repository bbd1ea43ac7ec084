// From what a model's file says, what its configuration says and what a probe finds, to what is served.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/probe.h"
#include "model/repository.h"
#include "model/schedule_settings.h"
#include "request/model_signature.h"
#include "schedule/scheduler.h"

namespace saccade::model {

struct CompletedModel {
  std::shared_ptr<const request::ModelSignature> signature;
  // The shape that the model itself takes for each input where it differs from the signature's (a configured
  // reshape), without the batch dimension; empty where none differs.
  std::vector<std::optional<tensor::Shape>> input_reshapes;
  schedule::BatchPolicy policy;
  ProbeResult probed;
  std::vector<std::string> warnings;
};

struct BatchDefaults {
  std::int64_t max_batch_size = 64;  // for models that batch and don't say otherwise
  std::chrono::microseconds max_queue_delay{0};
  std::size_t max_queue = 4096;
  ScheduleDefaults schedule;
};

// Runs the model a few times to find what its file does not say. Errors name the configuration's field or the
// model's port that is wrong and what would be right.
base::Result<CompletedModel> complete(const ModelSource& source, engine::Session& session,
                                      const std::string& platform, const BatchDefaults& defaults);

}  // namespace saccade::model
