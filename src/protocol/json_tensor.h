// A tensor out of nested JSON arrays. The shape is found from the nesting; ragged rows are refused.
#pragma once

#include <simdjson.h>

#include "base/error.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

// TensorFlow Serving's JSON has strings as {"b64": "…"} too, and floats that are NaN, Infinity and -Infinity.
enum class Dialect : std::uint8_t { kJson, kTensorFlow };

// The tensor's shape is that of the nesting: rank 0 for a bare value. `name` stands in messages.
base::Result<tensor::Tensor> read_tensor(simdjson::ondemand::value value, std::string_view name,
                                         tensor::DataType type, std::int64_t expected_elements,
                                         Dialect dialect = Dialect::kJson);

}  // namespace saccade::protocol
