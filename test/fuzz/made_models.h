// Models that fuzz targets decode for.
#pragma once

#include <cstdlib>
#include <utility>
#include <vector>

#include "signatures.h"

namespace saccade {

inline void require(bool holds) {
  if (!holds) std::abort();
}

// Shapes with and without batch, free sizes, two inputs, every datatype. The outputs are like the inputs.
inline const std::vector<request::ModelSignature>& made_models() {
  using protocol::model_of;
  using tensor::DataType;
  static const std::vector<request::ModelSignature> all = [] {
    std::vector<request::ModelSignature> made;
    made.push_back(model_of({{"x", DataType::kFp32, {-1, 2, 3}, {}}}, 4));
    made.push_back(model_of({{"x", DataType::kBytes, {-1, 1}, {}}}, 4));
    made.push_back(model_of({{"a", DataType::kInt64, {-1, 2}, {}}, {"b", DataType::kBool, {-1}, {}}}, 4));
    made.push_back(model_of({{"x", DataType::kFp64, {-1, 1, -1}, {}}}, 0));
    for (int type = 0; type <= static_cast<int>(DataType::kBytes); ++type) {
      made.push_back(model_of({{"x", static_cast<DataType>(type), {-1}, {}}}, 0));
    }
    for (request::ModelSignature& model : made) model.outputs = model.inputs;
    return made;
  }();
  return all;
}

}  // namespace saccade
