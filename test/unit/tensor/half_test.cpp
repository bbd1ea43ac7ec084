// Every 16-bit pattern, and every float halfway between two of them.
#include "tensor/half.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace saccade::tensor {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What the bits mean, by the definition of binary16.
double meaning(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

bool finite(std::uint16_t bits) {
  return (bits & 0x7C00U) != 0x7C00U;
}

TEST(Fp16, EveryPatternMeansWhatTheStandardSays) {
  for (std::uint32_t i = 0; i <= 0xFFFF; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = fp16_to_float(bits);
    if (finite(bits)) {
      ASSERT_EQ(static_cast<double>(value), meaning(bits)) << i;
      ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << i;
    } else if ((bits & 0x3FF) == 0) {
      ASSERT_EQ(value, (bits & 0x8000) != 0 ? -kInfinity : kInfinity);
    } else {
      ASSERT_TRUE(std::isnan(value));
    }
  }
}

TEST(Fp16, EveryPatternSurvivesTheWayThroughFloat) {
  for (std::uint32_t i = 0; i <= 0xFFFF; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const std::uint16_t back = float_to_fp16(fp16_to_float(bits));
    if (finite(bits) || (bits & 0x3FF) == 0) {
      ASSERT_EQ(back, bits);
    } else {
      ASSERT_TRUE(std::isnan(fp16_to_float(back)));
      ASSERT_EQ(back & 0x8000, bits & 0x8000);
    }
  }
}

TEST(Fp16, EveryFloatBetweenGoesToTheNearerAndTiesToTheEven) {
  for (std::uint16_t low = 0; low < 0x7BFF; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const float half_way = (fp16_to_float(low) + fp16_to_float(high)) / 2;
    const std::uint16_t even = (low & 1U) == 0 ? low : high;
    ASSERT_EQ(float_to_fp16(half_way), even) << low;
    ASSERT_EQ(float_to_fp16(-half_way), even | 0x8000) << low;
    ASSERT_EQ(float_to_fp16(std::nextafter(half_way, 0.0F)), low) << low;
    ASSERT_EQ(float_to_fp16(std::nextafter(half_way, kInfinity)), high) << low;
  }
}

TEST(Fp16, BeyondTheRangeIsInfinite) {
  EXPECT_EQ(float_to_fp16(std::nextafter(65'520.0F, 0.0F)), 0x7BFF);
  EXPECT_EQ(float_to_fp16(65'520.0F), 0x7C00);
  EXPECT_EQ(float_to_fp16(-1e30F), 0xFC00);
  EXPECT_EQ(float_to_fp16(kInfinity), 0x7C00);
  EXPECT_EQ(float_to_fp16(1e-30F), 0x0000);
  EXPECT_EQ(float_to_fp16(-1e-30F), 0x8000);
}

TEST(Bf16, EveryPatternSurvivesTheWayThroughFloat) {
  for (std::uint32_t i = 0; i <= 0xFFFF; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = bf16_to_float(bits);
    const std::uint16_t back = float_to_bf16(value);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_float(back)));
    } else {
      ASSERT_EQ(back, bits);
    }
  }
}

TEST(Bf16, RoundsToTheNearerAndTiesToTheEven) {
  for (std::uint32_t low = 0; low < 0x7F7F; ++low) {
    const float half_way = std::bit_cast<float>((low << 16) | 0x8000U);
    ASSERT_EQ(float_to_bf16(half_way), low + (low & 1U)) << low;
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>((low << 16) | 0x7FFFU)), low);
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>((low << 16) | 0x8001U)), low + 1);
  }
  EXPECT_EQ(float_to_bf16(std::numeric_limits<float>::max()), 0x7F80) << "rounds to infinity";
}

TEST(Bf16, NotANumberStaysOneWhateverItsBits) {
  for (const std::uint32_t bits : {0x7F800001U, 0x7FFFFFFFU, 0xFF800001U, 0xFFFFFFFFU}) {
    EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(std::bit_cast<float>(bits)))));
    EXPECT_TRUE(std::isnan(fp16_to_float(float_to_fp16(std::bit_cast<float>(bits)))));
  }
}

}  // namespace
}  // namespace saccade::tensor
