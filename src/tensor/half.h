// 16-bit floats as bits: IEEE 754 binary16 (FP16) and bfloat16 (BF16), to and from float. Rounds to nearest,
// ties to even; values beyond the range become infinite.
#pragma once

#include <cstdint>

namespace saccade::tensor {

float fp16_to_float(std::uint16_t bits);
std::uint16_t float_to_fp16(float value);
float bf16_to_float(std::uint16_t bits);
std::uint16_t float_to_bf16(float value);

}  // namespace saccade::tensor
