// Tensors as raw bytes, as they follow the JSON, stand in raw_input_contents and raw_output_contents, or lie
// in shared memory: elements row by row, little-endian; BOOL one byte each; BYTES each with its length in
// front (32 bits).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "request/shared_regions.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

// `bytes` must be exactly the elements of `shape`, whose number must be known. `name` stands in messages.
base::Result<tensor::Tensor> tensor_of_bytes(std::string_view bytes, std::string_view name,
                                             tensor::DataType type, const tensor::Shape& shape);
base::Result<tensor::Tensor> tensor_of_region(const request::RegionSlice& slice, std::string_view name,
                                              tensor::DataType type, const tensor::Shape& shape,
                                              const request::SharedRegions& regions);

std::size_t raw_size(const tensor::TensorView& tensor);
void append_raw(std::string& out, const tensor::TensorView& tensor);

}  // namespace saccade::protocol
