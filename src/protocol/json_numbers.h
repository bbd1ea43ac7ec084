// Numbers and truth values in nested JSON lists, read straight into a tensor's elements.
//
// Most of a request is numbers, and a general parser spends more on each than on all else: this one knows the
// type it reads and the shape it expects. It is as strict as JSON (RFC 8259, 6): no leading zeros, no bare
// points, no NaN.
#pragma once

#include <string_view>

#include "base/error.h"
#include "tensor/tensor.h"

namespace saccade::protocol {

// Whether floats may also be NaN, Infinity and -Infinity. JSON has no such words, but Python and Triton write
// and read them.
enum class Reals : bool { kFinite, kWithNonFinite };

// `text` is one JSON value, maybe with white space around it; a readable byte must follow it. Every type but
// BYTES. `name` stands in messages. `expected_elements` is a guess that saves growing.
base::Result<tensor::Tensor> read_numbers(std::string_view text, std::string_view name, tensor::DataType type,
                                          std::int64_t expected_elements, Reals reals = Reals::kFinite);

// The same for a value at the front of the bytes from `at` to `end`, of which the last must be no part of a
// value, such as the brace that ends an object; `at` moves behind the value.
base::Result<tensor::Tensor> read_front_numbers(const char*& at, const char* end, std::string_view name,
                                                tensor::DataType type, std::int64_t expected_elements);

}  // namespace saccade::protocol
