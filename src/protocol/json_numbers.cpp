#include "protocol/json_numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "protocol/json_digits.h"
#include "protocol/nesting.h"
#include "tensor/half.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

enum class Outcome : std::uint8_t { kRead, kNotThis, kOutOfRange };

// Moves `at` behind a number by JSON's grammar; false: there is none. `whole`: it has no fraction and no
// exponent.
bool scan_number(const char*& at, const char* end, bool& whole) {
  const char* p = at;
  if (p < end && *p == '-') ++p;
  if (p == end || !digit(*p)) return false;
  if (*p == '0') {
    ++p;
  } else {
    while (p < end && digit(*p)) ++p;
  }
  whole = true;
  if (p < end && *p == '.') {
    whole = false;
    ++p;
    if (p == end || !digit(*p)) return false;
    while (p < end && digit(*p)) ++p;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    whole = false;
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (p == end || !digit(*p)) return false;
    while (p < end && digit(*p)) ++p;
  }
  at = p;
  return true;
}

// Whether a number that no double holds is too small for one, rather than too large: the place of its first
// digit that is not zero tells.
bool too_small(std::string_view text) {
  const std::size_t exponent_at = std::min(text.find_first_of("eE"), text.size());
  const std::size_t point = std::min(text.find('.'), exponent_at);
  const std::size_t first = text.find_first_of("123456789");
  int exponent = 0;
  if (exponent_at < text.size()) {
    std::string_view digits = text.substr(exponent_at + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc{}) {
      return digits.starts_with('-');
    }
  }
  return static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) + exponent < 0;
}

// How one element of each kind is read. `at` moves behind it only where it was read.
template <typename T>
struct Real {
  using Element = T;
  static constexpr std::string_view kWanted = "a number";
  // From here on a value rounds to infinity. The shortest digits of the largest float lie above it but below
  // this.
  static constexpr double kInfinite =
      std::is_same_v<T, float> ? 0x1.ffffffp127 : std::numeric_limits<double>::infinity();
  static Outcome read(const char*& at, const char* end, Element& element) {
    // The usual cases: few digits, maybe a point, no exponent. Up to fifteen digits and their power of ten
    // are exact in a double, so that one division rounds once (Clinger 1990).
    const char* p = at;
    const bool negative = *p == '-';
    if (negative) ++p;
    const char* const first = p;
    std::uint64_t value = 0;
    while (p < end && digit(*p)) value = value * 10 + static_cast<std::uint64_t>(*p++ - '0');
    const auto before_point = p - first;
    std::ptrdiff_t after_point = 0;
    if (p < end && *p == '.') {
      const char* const fraction = ++p;
      while (p < end && digit(*p)) value = value * 10 + static_cast<std::uint64_t>(*p++ - '0');
      after_point = p - fraction;
      if (after_point == 0) return Outcome::kNotThis;
    }
    const bool exponent = p < end && (*p == 'e' || *p == 'E');
    if (before_point > 0 && before_point + after_point <= std::ptrdiff_t{kExactDigits} && !exponent &&
        (before_point == 1 || *first != '0')) {
      const double number = static_cast<double>(value) / kPowersOfTen[after_point];
      element = static_cast<T>(negative ? -number : number);
      at = p;
      return Outcome::kRead;
    }
    return read_any(at, end, element);
  }
  // One to three digits and nothing else, which is what pixels are. The bytes must end with something that is
  // no digit.
  static bool read_short(const char*& at, Element& element) {
    const auto digit_at = [](const char* p) {
      return static_cast<unsigned>(static_cast<unsigned char>(*p)) - '0';
    };
    const char* p = at;
    unsigned value = digit_at(p);
    if (value > 9) return false;
    ++p;
    for (int i = 0; i < 2 && digit_at(p) <= 9; ++i, ++p) {
      if (value == 0) return false;  // a leading zero
      value = value * 10 + digit_at(p);
    }
    if (digit_at(p) <= 9 || *p == '.' || *p == 'e' || *p == 'E') return false;
    element = static_cast<T>(value);
    at = p;
    return true;
  }
  static Outcome read_any(const char*& at, const char* end, Element& element) {
    const char* p = at;
    bool whole = false;
    if (!scan_number(p, end, whole)) return Outcome::kNotThis;
    double number = 0;
    if (std::from_chars(at, p, number).ec == std::errc::result_out_of_range) {
      if (!too_small({at, static_cast<std::size_t>(p - at)})) return Outcome::kOutOfRange;
      number = 0;
    }
    if (!(std::abs(number) < kInfinite)) return Outcome::kOutOfRange;
    element = static_cast<T>(number);
    at = p;
    return Outcome::kRead;
  }
};

template <typename T>
struct AnyReal : Real<T> {
  static Outcome read(const char*& at, const char* end, T& element) {
    const Outcome outcome = Real<T>::read(at, end, element);
    if (outcome != Outcome::kNotThis) return outcome;
    constexpr std::pair<std::string_view, T> kWords[] = {
        {"NaN", std::numeric_limits<T>::quiet_NaN()},
        {"Infinity", std::numeric_limits<T>::infinity()},
        {"-Infinity", -std::numeric_limits<T>::infinity()},
    };
    const std::string_view rest(at, static_cast<std::size_t>(end - at));
    for (const auto& [word, value] : kWords) {
      if (!rest.starts_with(word)) continue;
      element = value;
      at += word.size();
      return Outcome::kRead;
    }
    return Outcome::kNotThis;
  }
};

// 16-bit floats: read as float, then rounded.
template <std::uint16_t (*Convert)(float), std::uint32_t kMostThousandths>
struct Half {
  using Element = std::uint16_t;
  static constexpr std::string_view kWanted = "a number";
  static Outcome read(const char*& at, const char* end, Element& element) {
    float value = 0;
    const char* p = at;
    const Outcome outcome = Real<float>::read(p, end, value);
    if (outcome != Outcome::kRead) return outcome;
    if (kMostThousandths != 0 && std::abs(value) * 1000.0F > static_cast<float>(kMostThousandths)) {
      return Outcome::kOutOfRange;
    }
    const std::uint16_t bits = Convert(value);
    if (kMostThousandths == 0 && (bits & 0x7F80U) == 0x7F80U) return Outcome::kOutOfRange;
    element = bits;
    at = p;
    return Outcome::kRead;
  }
};
using Fp16 = Half<tensor::float_to_fp16, 65'504'000>;
using Bf16 = Half<tensor::float_to_bf16, 0>;

template <typename T>
struct Whole {
  using Element = T;
  static constexpr std::string_view kWanted =
      std::is_same_v<T, std::uint64_t> ? "a whole number from 0" : "a whole number";
  static Outcome read(const char*& at, const char* end, Element& element) {
    const char* p = at;
    bool whole = false;
    if (!scan_number(p, end, whole) || !whole) return Outcome::kNotThis;
    if constexpr (std::is_unsigned_v<T>) {
      if (*at == '-')
        return p - at == 2 && at[1] == '0' ? (element = 0, at = p, Outcome::kRead) : Outcome::kOutOfRange;
    }
    if (std::from_chars(at, p, element).ec != std::errc{}) return Outcome::kOutOfRange;
    at = p;
    return Outcome::kRead;
  }
};

struct Truth {
  using Element = std::uint8_t;
  static constexpr std::string_view kWanted = "true or false";
  static Outcome read(const char*& at, const char* end, Element& element) {
    const std::string_view rest(at, static_cast<std::size_t>(end - at));
    const std::size_t length = rest.starts_with("true") ? 4 : rest.starts_with("false") ? 5 : 1;
    if (length == 1 && (rest.empty() || (rest.front() != '0' && rest.front() != '1')))
      return Outcome::kNotThis;
    element = length == 4 || rest.front() == '1' ? 1 : 0;
    at += length;
    return Outcome::kRead;
  }
};

template <typename Kind>
class Reader {
 public:
  using Element = typename Kind::Element;
  static constexpr bool kHasShort = requires(const char* p, Element e) { Kind::read_short(p, e); };
  // Types that hold any number of eight digits, and are no bits of something else (16-bit floats).
  static constexpr bool kHasBlocks =
      kReadsBlocks && sizeof(Element) >= 4 && requires { read_blocks<Element>; };

  Reader(std::string_view text, std::string_view name, DataType type, std::size_t expected)
      : type_(type),
        at_(text.data()),
        end_(text.data() + text.size()),
        nesting_(name, type),
        capacity_(expected + kSpare) {
    data_ = std::make_unique_for_overwrite<std::byte[]>(capacity_ * sizeof(Element));
  }

  // All of the text, which is one value.
  base::Result<tensor::Tensor> read() {
    while (end_ > at_ && blank(end_[-1])) --end_;
    skip_blanks();
    if (at_ < end_ && *at_ == '[' && end_[-1] != ']') {
      return std::unexpected(nesting_.not_json("the list does not end", 0).error());
    }
    if (base::Status status = value(0); !status) return std::unexpected(status.error());
    skip_blanks();
    if (at_ != end_) return std::unexpected(nesting_.not_json("something follows the value", 0).error());
    return tensor::Tensor(type_, nesting_.shape(), std::move(data_));
  }

  // The value at the front of the text; `at` moves behind it. The text's last byte ends
  // every number and every list.
  base::Result<tensor::Tensor> read_front(const char*& at) {
    if (base::Status status = value(0); !status) return std::unexpected(status.error());
    at = at_;
    return tensor::Tensor(type_, nesting_.shape(), std::move(data_));
  }

 private:
  static constexpr std::int64_t kUnusual = 8;  // values in a row between two looks for usual ones
  static constexpr std::size_t kSpare = kHasBlocks ? kBlockElements : 0;

  base::Status value(std::size_t depth) {
    if (at_ < end_ && *at_ == '[') return list(depth);
    if (base::Status status = nesting_.value_at(depth); !status) return status;
    return element(depth);
  }

  base::Status list(std::size_t depth) {
    if (base::Status status = nesting_.list_at(depth); !status) return status;
    ++at_;
    skip_blanks();
    std::int64_t count = 0;
    if (at_ < end_ && *at_ == ']') {
      ++at_;
      return nesting_.end_list(depth, 0);
    }
    if constexpr (kHasShort || kHasBlocks) {
      if (nesting_.holds_values(depth)) count = short_values();
    }
    for (;;) {
      if (count > 0) {
        // The item before was read; a comma or the end follows it.
        const char next = at_ < end_ ? *at_ : '\0';
        if (next != ',' && next != ']')
          return nesting_.not_json("a list needs a comma or an end here", depth + 1);
        ++at_;
        if (next == ']') return nesting_.end_list(depth, count);
        skip_blanks();
        if constexpr (kHasShort || kHasBlocks) {
          // Its first item has told that this is a list of values. Behind what is unusual the usual may go
          // on.
          const bool look = count % kUnusual == 1 && nesting_.holds_values(depth);
          const std::int64_t more = look ? short_values() : 0;
          count += more;
          if (more > 0) continue;
        }
      }
      nesting_.item(depth, count);
      // Where all items are known to be values, a list among them is caught as "not a number".
      const bool plain = nesting_.holds_values(depth) && at_ < end_ && *at_ != '[';
      if (base::Status status = plain ? element(depth + 1) : value(depth + 1); !status) return status;
      ++count;
      skip_blanks();
    }
  }

  // As many short numbers as there are at the front of a list of values, up to its end or to anything
  // unusual. Needs no look at the end of the text: what ends it ends every number and list.
  std::int64_t short_values() {
    const std::size_t before = count_;
    const char* p = at_;
    if constexpr (kHasBlocks) {
      for (std::size_t read = 1; read > 0;) {
        while (capacity_ - count_ < kBlockElements) grow();
        read = read_blocks(p, end_, reinterpret_cast<Element*>(data_.get()) + count_, capacity_ - count_);
        count_ += read;
        if (read == 0) break;
        at_ = p;
        if (*p == ']') return static_cast<std::int64_t>(count_ - before);
        ++p;
      }
    }
    if constexpr (kHasShort) {
      for (;;) {
        while (blank(*p)) ++p;
        Element element{};
        if (!Kind::read_short(p, element)) break;
        while (blank(*p)) ++p;
        if (*p != ',' && *p != ']') break;
        push(element);
        at_ = p;
        if (*p == ']') break;
        ++p;
      }
    }
    return static_cast<std::int64_t>(count_ - before);
  }

  base::Status element(std::size_t depth) {
    Element element{};
    if (at_ == end_) return nesting_.not_json("a value is missing", depth);
    switch (Kind::read(at_, end_, element)) {
      case Outcome::kRead:
        push(element);
        return {};
      case Outcome::kOutOfRange:
        return nesting_.out_of_range(depth);
      case Outcome::kNotThis:
        break;
    }
    return nesting_.not_a(Kind::kWanted, token(), depth);
  }

  // What stands here instead of a number, for the message.
  std::string_view token() const {
    const char* p = at_;
    const bool quoted = *p == '"';
    for (++p; p < end_; ++p) {
      if (quoted ? (*p == '"' && p[-1] != '\\') : (*p == ',' || *p == ']' || *p == '}' || blank(*p))) break;
    }
    return {at_, static_cast<std::size_t>(p - at_) + (quoted && p < end_ ? 1 : 0)};
  }

  void skip_blanks() {
    while (at_ < end_ && blank(*at_)) ++at_;
  }

  void push(Element element) {
    if (count_ == capacity_) grow();
    std::memcpy(data_.get() + count_ * sizeof(Element), &element, sizeof(Element));
    ++count_;
  }
  void grow() {
    const std::size_t capacity = capacity_ * 2 + 16;
    auto data = std::make_unique_for_overwrite<std::byte[]>(capacity * sizeof(Element));
    if (count_ > 0) std::memcpy(data.get(), data_.get(), count_ * sizeof(Element));
    data_ = std::move(data);
    capacity_ = capacity;
  }

  DataType type_;
  const char* at_;
  const char* end_;
  Nesting nesting_;
  std::size_t count_ = 0;
  std::size_t capacity_;
  std::unique_ptr<std::byte[]> data_;
};

// Calls `read` with the reader that the type needs.
template <typename Read>
base::Result<tensor::Tensor> with_reader(std::string_view text, std::string_view name, DataType type,
                                         std::int64_t expected_elements, Reals reals, Read&& read) {
  const auto expected = static_cast<std::size_t>(expected_elements);
  const bool any = reals == Reals::kWithNonFinite;
  switch (type) {
    case DataType::kFp32:
      return any ? read(Reader<AnyReal<float>>(text, name, type, expected))
                 : read(Reader<Real<float>>(text, name, type, expected));
    case DataType::kFp64:
      return any ? read(Reader<AnyReal<double>>(text, name, type, expected))
                 : read(Reader<Real<double>>(text, name, type, expected));
    case DataType::kFp16:
      return read(Reader<Fp16>(text, name, type, expected));
    case DataType::kBf16:
      return read(Reader<Bf16>(text, name, type, expected));
    case DataType::kInt8:
      return read(Reader<Whole<std::int8_t>>(text, name, type, expected));
    case DataType::kInt16:
      return read(Reader<Whole<std::int16_t>>(text, name, type, expected));
    case DataType::kInt32:
      return read(Reader<Whole<std::int32_t>>(text, name, type, expected));
    case DataType::kInt64:
      return read(Reader<Whole<std::int64_t>>(text, name, type, expected));
    case DataType::kUint8:
      return read(Reader<Whole<std::uint8_t>>(text, name, type, expected));
    case DataType::kUint16:
      return read(Reader<Whole<std::uint16_t>>(text, name, type, expected));
    case DataType::kUint32:
      return read(Reader<Whole<std::uint32_t>>(text, name, type, expected));
    case DataType::kUint64:
      return read(Reader<Whole<std::uint64_t>>(text, name, type, expected));
    case DataType::kBool:
      return read(Reader<Truth>(text, name, type, expected));
    case DataType::kBytes:
      break;
  }
  return base::fail(base::Code::kInternal, "strings are read elsewhere");
}

}  // namespace

base::Result<tensor::Tensor> read_numbers(std::string_view text, std::string_view name, DataType type,
                                          std::int64_t expected_elements, Reals reals) {
  return with_reader(text, name, type, expected_elements, reals, [](auto&& reader) { return reader.read(); });
}

base::Result<tensor::Tensor> read_front_numbers(const char*& at, const char* end, std::string_view name,
                                                DataType type, std::int64_t expected_elements) {
  return with_reader({at, static_cast<std::size_t>(end - at)}, name, type, expected_elements, Reals::kFinite,
                     [&at](auto&& reader) { return reader.read_front(at); });
}

}  // namespace saccade::protocol
