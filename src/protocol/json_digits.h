// The usual numbers of a JSON list, a block of bytes at a time: pixels, token ids, counts, features. They are
// most of what requests carry, and a loop that looks at one digit after the other spends its time on branches
// that no processor can foretell.
//
// A block's bytes become masks of 64 bits, one bit a byte: digits, points, signs, separators, blanks,
// anything else. That numbers and separators take turns is then one subtraction: with S the first bytes of
// numbers and C the separators, C - S is the spans from each number to its separator exactly when they do,
// and otherwise has a bit of C set or one of S clear. Up to eight digits are read at once, by multiplications
// that join neighbouring ones. Up to fifteen digits and the power of ten below them are exact in a double, so
// that a fraction is one division, which rounds once (Clinger 1990); up to nineteen, which is what programs
// write of floats that they hold as doubles, are enough for a float that does not lie close to the middle of
// two.
//
// Pure functions; used where the processor has AVX2, and left out where not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace saccade::protocol {

#if defined(__AVX2__) && defined(__BMI__)
inline constexpr bool kReadsBlocks = true;
#else
inline constexpr bool kReadsBlocks = false;
#endif

// Decimal digits that a double holds exactly, and those that 64 bits hold.
inline constexpr unsigned kExactDigits = 15;
inline constexpr unsigned kMostDigits = 19;
inline constexpr double kPowersOfTen[kMostDigits] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                                     1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};

// Elements that one step may write, whether or not they count.
inline constexpr std::size_t kBlockElements = 32;

// Reads numbers of one to eight digits, for floating-point types with a fraction (up to nineteen digits in
// all for float, fifteen for double), with a minus where T has a sign, from the front of a list of values on:
// `at` is where a number may begin. Goes on as long as a block lies before `end` and `room` for
// kBlockElements is left. Returns how many were read; then `at` is at the separator (',' or ']') behind the
// last of them. Stops before what is none of this, exponents, leading zeros and more digits among them. T:
// float, double, std::int32_t, std::int64_t and their unsigned kin, which hold any eight digits.
template <typename T>
std::size_t read_blocks(const char*& at, const char* end, T* place, std::size_t room);

}  // namespace saccade::protocol
