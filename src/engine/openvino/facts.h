// What an OpenVINO model says of itself, in the house's terms.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/engine.h"
#include "engine/openvino/formats.h"
#include "engine/openvino/handles.h"

namespace saccade::engine::openvino {

struct DimensionBounds {
  std::int64_t least = 0;
  std::int64_t most = -1;  // -1: any
};

struct OpenVinoFacts {
  ModelFacts facts;
  std::vector<std::vector<DimensionBounds>> bounds;  // of each input's dimensions
  std::vector<std::size_t> outputs;                  // the model's own index of each of facts.outputs
};

// Errors (kInvalidArgument) name the file and the input that can't be served.
base::Result<OpenVinoFacts> read_facts(const ov_model_t& model, Format format,
                                       const std::filesystem::path& file);

}  // namespace saccade::engine::openvino
