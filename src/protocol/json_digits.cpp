#include "protocol/json_digits.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <type_traits>

#if defined(__AVX2__) && defined(__BMI__)
#include <immintrin.h>
#endif

namespace saccade::protocol {

#if defined(__AVX2__) && defined(__BMI__)

namespace {

constexpr std::ptrdiff_t kBlock = 64;
constexpr std::ptrdiff_t kReadable = kBlock + 8;  // a number's bytes are read at once
constexpr unsigned kAtOnce = 8;                   // digits
constexpr std::uint64_t kWholePowersOfTen[kAtOnce + 1] = {1,       10,        100,        1'000,      10'000,
                                                          100'000, 1'000'000, 10'000'000, 100'000'000};

struct Masks {
  std::uint64_t digits = 0;
  std::uint64_t zeros = 0;
  std::uint64_t points = 0;      // where T has fractions
  std::uint64_t signs = 0;       // minus, where T has it
  std::uint64_t separators = 0;  // commas, and the first bracket
  std::uint64_t region = 0;      // up to the last separator before anything else
  bool ends = false;             // by the bracket
};

std::uint64_t join(__m256i low, __m256i high) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32U;
}

template <typename T>
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
      if constexpr (std::is_signed_v<T>) masks.signs = equal('-');
      if constexpr (std::is_floating_point_v<T>) masks.points = equal('.');
      other &= ~(masks.signs | masks.points);
    }
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

std::uint64_t eight_bytes(const char* at) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

// The first `length` of them, at most eight.
std::uint32_t eight_digits(std::uint64_t bytes, unsigned length) {
  bytes = (bytes << (64U - 8U * length)) & 0x0F0F0F0F0F0F0F0FU;
  bytes = (bytes * 10U + (bytes >> 8U)) & 0x00FF00FF00FF00FFU;
  bytes = (bytes * 100U + (bytes >> 16U)) & 0x0000FFFF0000FFFFU;
  return static_cast<std::uint32_t>(bytes * 10'000U + (bytes >> 32U));
}
std::uint32_t eight_digits_at(const char* at, unsigned length) {
  return eight_digits(eight_bytes(at), length);
}

// Whether each point stands between digits, each minus at a number's beginning and before a digit, and no
// number begins with a zero and another digit. That no number has two points is left to who reads it.
bool well_formed(const Masks& masks, std::uint64_t starts) {
  const std::uint64_t points = masks.points & masks.region;
  const std::uint64_t signs = masks.signs & masks.region;
  const std::uint64_t first_digits = (starts & ~signs) | signs << 1U;
  const std::uint64_t after_digit = masks.digits << 1U;
  const std::uint64_t before_digit = masks.digits >> 1U;
  const std::uint64_t wrong = (masks.zeros & first_digits & before_digit) | (points & ~after_digit) |
                              (points & ~before_digit) | (signs & ~starts) | (signs & ~before_digit);
  return wrong == 0;
}

template <typename T, auto Value>
void read_each(const char* at, std::uint64_t starts, std::uint64_t digits, T* place) {
  for (; starts != 0; starts &= starts - 1) {
    const int first = std::countr_zero(starts);
    const auto length = static_cast<unsigned>(std::countr_one(digits >> static_cast<unsigned>(first)));
    *place++ = static_cast<T>(Value(at + first, length));
  }
}

// A number with a fraction, its sign left out: `length` bytes, the point behind `whole` of them.
std::uint64_t all_digits(const char* at, unsigned whole, unsigned length) {
  if (length <= kAtOnce) {
    const std::uint64_t bytes = eight_bytes(at);
    const std::uint64_t before = (std::uint64_t{1} << (8 * whole)) - 1;
    return eight_digits((bytes & before) | (bytes >> 8U & ~before), length - 1);
  }
  std::uint64_t value = eight_digits_at(at, whole);
  at += whole + 1;
  for (unsigned left = length - whole - 1; left > 0;) {
    const unsigned next = std::min(left, kAtOnce);
    value = value * kWholePowersOfTen[next] + eight_digits_at(at, next);
    at += next;
    left -= next;
  }
  return value;
}

// The digits and the power of ten below them, as a T. More digits than a double holds exactly leave its last
// bits open; where the float next to it depends on those, or T needs them: nothing.
template <typename T>
std::optional<T> divided(std::uint64_t value, unsigned digits, unsigned fraction) {
  const double number = static_cast<double>(value) / kPowersOfTen[fraction];
  if (digits <= kExactDigits) return static_cast<T>(number);
  if constexpr (std::is_same_v<T, float>) {
    // At most three roundings lie between, each by half of the last of 53 bits: of the digits, of the
    // division, and of the double that a float is rounded from elsewhere.
    const double open = number * 0x1p-50;
    const auto below = static_cast<float>(number - open);
    if (below == static_cast<float>(number + open)) return below;
  }
  return {};
}

// Signs and fractions, too. False: one is not for here; then what is at `place` counts for nothing.
template <typename T>
bool read_each_signed(const char* block, const Masks& masks, std::uint64_t starts, std::uint64_t bytes,
                      T* place) {
  for (; starts != 0; starts &= starts - 1) {
    const auto first = static_cast<unsigned>(std::countr_zero(starts));
    const auto minus = static_cast<unsigned>(masks.signs >> first & 1U);
    const unsigned length = static_cast<unsigned>(std::countr_one(bytes >> first)) - minus;
    const char* const at = block + first + minus;
    if constexpr (std::is_floating_point_v<T>) {
      const std::uint64_t points = masks.points >> (first + minus) & ((std::uint64_t{1} << length) - 1);
      const bool fractional = points != 0;
      const unsigned whole = fractional ? static_cast<unsigned>(std::countr_zero(points)) : length;
      const unsigned digits = fractional ? length - 1 : length;
      if ((points & (points - 1)) != 0 || whole > kAtOnce || digits > kMostDigits) return false;
      const std::uint64_t value = fractional ? all_digits(at, whole, length) : eight_digits_at(at, length);
      const std::optional<T> number = divided<T>(value, digits, digits - whole);
      if (!number) return false;
      *place++ = minus != 0 ? -*number : *number;
    } else {
      if (length > kAtOnce) return false;
      const std::uint64_t value = eight_digits_at(at, length);
      *place++ = static_cast<T>(minus != 0 ? 0 - value : value);
    }
  }
  return true;
}

}  // namespace

template <typename T>
std::size_t read_blocks(const char*& at, const char* end, T* place, std::size_t room) {
  const char* p = at;
  std::size_t count = 0;
  while (end - p >= kReadable && room - count >= kBlockElements) {
    const Masks masks = look_at<T>(p);
    const std::uint64_t digits = masks.digits & masks.region;
    const std::uint64_t others = (masks.points | masks.signs) & masks.region;
    const std::uint64_t bytes = digits | others;
    const std::uint64_t starts = bytes & ~(bytes << 1U);
    const std::uint64_t spans = masks.separators - starts;
    const bool in_turns = (spans & starts) == starts && (spans & masks.separators) == 0;
    if (!in_turns || starts == 0 || !well_formed(masks, starts)) break;
    if (others != 0) {
      if (!read_each_signed(p, masks, starts, bytes, place)) break;
    } else if ((digits & ~masks.zeros) == 0) {
      std::memset(place, 0, kBlockElements * sizeof(T));  // a few stores, however many numbers there are
    } else {
      const std::uint64_t two = digits & (digits >> 1U);
      const std::uint64_t four = two & (two >> 2U);
      if ((four & (digits >> 4U)) == 0) {
        read_each<T, four_digits>(p, starts, digits, place);
      } else if ((four & (four >> 4U) & (digits >> 8U)) == 0) {
        read_each<T, eight_digits_at>(p, starts, digits, place);
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
