// The configuration of a loaded model as the protocol shows it: what its config.pbtxt says, and behind that
// what was found out.
#pragma once

#include <memory>
#include <string>

#include "model/completion.h"
#include "model/repository.h"

namespace inference {
class ModelConfig;
}

namespace saccade::model {

// `backend`: "onnxruntime"; `session`: how its sessions were opened; `instances`: as many copies of the model
// as may run at the same time.
std::unique_ptr<const inference::ModelConfig> completed_config(const ModelSource& source,
                                                               const CompletedModel& completed,
                                                               const std::string& backend,
                                                               const engine::SessionOptions& session,
                                                               std::size_t instances);

}  // namespace saccade::model
