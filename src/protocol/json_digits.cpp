#include "protocol/json_digits.h"

#include <bit>
#include <cstring>

#if defined(__AVX2__) && defined(__BMI__)
#include <immintrin.h>
#endif

namespace saccade::protocol {

#if defined(__AVX2__) && defined(__BMI__)

namespace {

constexpr std::ptrdiff_t kBlock = 64;
constexpr std::ptrdiff_t kReadable = kBlock + 8;  // a number's bytes are read at once

struct Masks {
  std::uint64_t digits = 0;
  std::uint64_t zeros = 0;
  std::uint64_t separators = 0;  // commas, and the first bracket
  std::uint64_t region = 0;      // up to the last separator before anything else
  bool ends = false;             // by the bracket
};

std::uint64_t join(__m256i low, __m256i high) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32U;
}

Masks look_at(const char* at) {
  const auto low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const auto high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
  const auto equal = [&](char c) {
    const __m256i same = _mm256_set1_epi8(c);
    return join(_mm256_cmpeq_epi8(low, same), _mm256_cmpeq_epi8(high, same));
  };
  const auto digit = [](__m256i bytes) {
    const __m256i value = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0'));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
  };
  Masks masks;
  masks.digits = join(digit(low), digit(high));
  masks.zeros = equal('0');
  masks.separators = equal(',');
  std::uint64_t other = ~(masks.digits | masks.separators | equal(' '));
  if (other != 0) {
    other &= ~(equal('\n') | equal('\r') | equal('\t'));
    if (other != 0) {
      const std::uint64_t first = other & -other;
      if (at[std::countr_zero(other)] == ']') {
        masks.separators |= first;
        masks.region = first | (first - 1);
        masks.ends = true;
        masks.separators &= masks.region;
        return masks;
      }
      masks.separators &= first - 1;
    }
  }
  if (masks.separators != 0) masks.region = ~std::uint64_t{0} >> std::countl_zero(masks.separators);
  return masks;
}

// The number whose `length` digits, at most four, begin at `at`.
std::uint32_t four_digits(const char* at, unsigned length) {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  bytes = (bytes << (32U - 8U * length)) & 0x0F0F0F0FU;
  bytes = (bytes * 10U + (bytes >> 8U)) & 0x00FF00FFU;
  return (bytes * 100U + (bytes >> 16U)) & 0xFFFFU;
}

// At most eight.
std::uint32_t eight_digits(const char* at, unsigned length) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  bytes = (bytes << (64U - 8U * length)) & 0x0F0F0F0F0F0F0F0FU;
  bytes = (bytes * 10U + (bytes >> 8U)) & 0x00FF00FF00FF00FFU;
  bytes = (bytes * 100U + (bytes >> 16U)) & 0x0000FFFF0000FFFFU;
  return static_cast<std::uint32_t>(bytes * 10'000U + (bytes >> 32U));
}

template <typename T, auto Value>
void read_each(const char* at, std::uint64_t starts, std::uint64_t digits, T* place) {
  for (; starts != 0; starts &= starts - 1) {
    const int first = std::countr_zero(starts);
    const auto length = static_cast<unsigned>(std::countr_one(digits >> static_cast<unsigned>(first)));
    *place++ = static_cast<T>(Value(at + first, length));
  }
}

}  // namespace

template <typename T>
std::size_t read_blocks(const char*& at, const char* end, T* place, std::size_t room) {
  const char* p = at;
  std::size_t count = 0;
  while (end - p >= kReadable && room - count >= kBlockElements) {
    const Masks masks = look_at(p);
    const std::uint64_t digits = masks.digits & masks.region;
    const std::uint64_t starts = digits & ~(digits << 1U);
    const std::uint64_t spans = masks.separators - starts;
    const bool in_turns = (spans & starts) == starts && (spans & masks.separators) == 0;
    const bool leading_zero = (masks.zeros & starts & (digits >> 1U)) != 0;
    if (!in_turns || leading_zero || starts == 0) break;
    if ((digits & ~masks.zeros) == 0) {
      std::memset(place, 0, kBlockElements * sizeof(T));  // a few stores, however many numbers there are
    } else {
      const std::uint64_t two = digits & (digits >> 1U);
      const std::uint64_t four = two & (two >> 2U);
      if ((four & (digits >> 4U)) == 0) {
        read_each<T, four_digits>(p, starts, digits, place);
      } else if ((four & (four >> 4U) & (digits >> 8U)) == 0) {
        read_each<T, eight_digits>(p, starts, digits, place);
      } else {
        break;
      }
    }
    const auto numbers = static_cast<std::size_t>(std::popcount(starts));
    place += numbers;
    count += numbers;
    at = p + (63 - std::countl_zero(masks.separators));
    if (masks.ends) break;
    p = at + 1;
  }
  return count;
}

#else

template <typename T>
std::size_t read_blocks(const char*& /*at*/, const char* /*end*/, T* /*place*/, std::size_t /*room*/) {
  return 0;
}

#endif

template std::size_t read_blocks<float>(const char*&, const char*, float*, std::size_t);
template std::size_t read_blocks<double>(const char*&, const char*, double*, std::size_t);
template std::size_t read_blocks<std::int32_t>(const char*&, const char*, std::int32_t*, std::size_t);
template std::size_t read_blocks<std::int64_t>(const char*&, const char*, std::int64_t*, std::size_t);
template std::size_t read_blocks<std::uint32_t>(const char*&, const char*, std::uint32_t*, std::size_t);
template std::size_t read_blocks<std::uint64_t>(const char*&, const char*, std::uint64_t*, std::size_t);

}  // namespace saccade::protocol
