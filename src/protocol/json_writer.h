// Appends JSON to a string, without building a document first. The caller writes the punctuation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/tensor.h"

namespace saccade::protocol {

void append_string(std::string& out,
                   std::string_view text);  // quoted; bytes that are not UTF-8 become U+FFFD
void append_number(std::string& out, std::int64_t number);
void append_number(std::string& out, std::uint64_t number);
// The shortest digits that read back as the same value; not-a-number and infinities, which JSON lacks, as
// null.
void append_number(std::string& out, float number);
void append_number(std::string& out, double number);
// Nested arrays in the tensor's shape; a bare value for rank 0.
void append_tensor(std::string& out, const tensor::TensorView& tensor);
// One array of all elements, row by row. Floats always have a point or an exponent ("1.0"); NaN, Infinity and
// -Infinity stand as these words, as Python and Triton write them: JSON has none for them.
void append_flat(std::string& out, const tensor::TensorView& tensor);
// Element `index` of a tensor, counted through.
void append_element(std::string& out, const tensor::TensorView& tensor, std::size_t index);
// The same, with floats as in append_flat().
void append_any_element(std::string& out, const tensor::TensorView& tensor, std::size_t index);

}  // namespace saccade::protocol
