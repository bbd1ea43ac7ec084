#include "protocol/json_digits.h"

#include <charconv>
#include <cmath>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/json_numbers.h"
#include "tensor/half.h"

namespace saccade::protocol {
namespace {

// A list of made-up whole numbers, written as somebody might.
struct Written {
  std::string text;
  std::vector<std::int64_t> numbers;
};

Written write(std::mt19937& random, std::size_t count, int most_digits, bool zeros) {
  const auto below = [&](int n) { return std::uniform_int_distribution(0, n - 1)(random); };
  static const std::vector<std::string> kBetween = {",", ", ", " , ", ",\n", "\t,\r\n  "};
  const std::string usual = kBetween[static_cast<std::size_t>(below(5))];
  Written written{.text = "[", .numbers = {}};
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t number = 0;
    if (!zeros || below(20) == 0) {
      const int digits = 1 + below(most_digits);
      for (int digit = 0; digit < digits; ++digit) number = number * 10 + below(10);
    }
    if (i > 0) written.text += below(10) == 0 ? kBetween[static_cast<std::size_t>(below(5))] : usual;
    written.text += std::to_string(number);
    written.numbers.push_back(number);
  }
  written.text += below(2) == 0 ? "]" : " ]";
  return written;
}

template <typename T>
void expect_read(const Written& written, tensor::DataType type) {
  auto read = read_numbers(written.text, "x", type, 16);
  ASSERT_TRUE(read) << read.error().message << "\n" << written.text;
  const auto elements = read->template as<T>();
  ASSERT_EQ(elements.size(), written.numbers.size()) << written.text;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    ASSERT_EQ(elements[i], static_cast<T>(written.numbers[i])) << "at " << i << " of " << written.text;
  }
}

TEST(JsonDigits, ReadWhatWasWritten) {
  std::mt19937 random(7);
  for (int turn = 0; turn < 3000; ++turn) {
    const Written written =
        write(random, 1 + random() % 150, 1 + static_cast<int>(random() % 12), turn % 3 == 0);
    expect_read<double>(written, tensor::DataType::kFp64);
    expect_read<float>(written, tensor::DataType::kFp32);
    expect_read<std::int64_t>(written, tensor::DataType::kInt64);
    expect_read<std::uint64_t>(written, tensor::DataType::kUint64);
  }
  for (int turn = 0; turn < 300; ++turn) {
    const Written written = write(random, 1 + random() % 150, 4, false);
    expect_read<std::int32_t>(written, tensor::DataType::kInt32);
    expect_read<std::uint32_t>(written, tensor::DataType::kUint32);
  }
}

// One byte of a good list is exchanged for another: what is read then must be what a reader that looks at one
// byte after the other makes of it, which the 16-bit types still have. `narrowed` is what the narrow type
// makes of a wide element.
template <typename Wide, typename Narrow>
void expect_alike(std::string text, std::mt19937& random, tensor::DataType wide_type,
                  tensor::DataType narrow_type, Narrow (*narrowed)(Wide)) {
  const std::string bytes = "0123456789,, \n]][-+.eE\"x{}\t";
  text[1 + random() % (text.size() - 1)] = bytes[random() % bytes.size()];
  auto wide = read_numbers(text, "x", wide_type, 16);
  auto narrow = read_numbers(text, "x", narrow_type, 16);
  if (!narrow && narrow.error().message.find("range") != std::string::npos) return;  // joined to a large one
  ASSERT_EQ(wide.has_value(), narrow.has_value()) << text;
  if (!wide) {
    std::string message = wide.error().message;
    const std::string_view name = tensor::data_type_name(wide_type);
    if (const auto at = message.find(name); at != message.npos) {
      message.replace(at, name.size(), tensor::data_type_name(narrow_type));
    }
    ASSERT_EQ(message, narrow.error().message) << text;
    return;
  }
  const auto x = wide->template as<Wide>();
  const auto y = narrow->template as<Narrow>();
  ASSERT_EQ(x.size(), y.size()) << text;
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(narrowed(x[i]), y[i]) << "at " << i << " of " << text;
}

TEST(JsonDigits, TakeNothingThatIsNoList) {
  std::mt19937 random(11);
  constexpr auto kNarrowed = +[](std::int32_t whole) {
    EXPECT_EQ(static_cast<std::int16_t>(whole), whole);
    return static_cast<std::int16_t>(whole);
  };
  for (int turn = 0; turn < 20'000 && !HasFatalFailure(); ++turn) {
    const Written written = write(random, 1 + random() % 90, 2, turn % 2 == 0);
    expect_alike(written.text, random, tensor::DataType::kInt32, tensor::DataType::kInt16, kNarrowed);
  }
}

TEST(JsonDigits, TakeNoFractionThatIsNone) {
  std::mt19937 random(13);
  for (int turn = 0; turn < 20'000 && !HasFatalFailure(); ++turn) {
    std::string text = "[";
    for (std::size_t i = 0, count = 1 + random() % 60; i < count; ++i)
      text += (i > 0 ? "," : "") + std::string(random() % 4 == 0 ? "-" : "") + std::to_string(random() % 3) +
              (random() % 4 == 0 ? "" : "." + std::to_string(random() % 100));
    expect_alike(text + "]", random, tensor::DataType::kFp32, tensor::DataType::kFp16, tensor::float_to_fp16);
  }
}

// Numbers as programs write them, with as many digits as they like; each must be what from_chars makes of it.
TEST(JsonDigits, ReadSignsAndFractions) {
  std::mt19937 random(5);
  for (int turn = 0; turn < 3000; ++turn) {
    const int most = 1 + static_cast<int>(random() % 20);
    std::string text = "[";
    std::vector<double> numbers;
    for (std::size_t i = 0, count = 1 + random() % 120; i < count; ++i) {
      std::string number = random() % 3 == 0 ? "-" : "";
      number += std::to_string(random() % (random() % 3 == 0 ? 100'000 : 2));
      if (random() % 8 != 0) {
        number += '.';
        for (int digit = 1 + static_cast<int>(random() % static_cast<unsigned>(most)); digit > 0; --digit)
          number += static_cast<char>('0' + random() % 10);
      }
      if (random() % 100 == 0) number += "e-3";
      std::from_chars(number.data(), number.data() + number.size(), numbers.emplace_back());
      text += (i > 0 ? (random() % 8 == 0 ? " , " : ",") : "") + number;
    }
    text += ']';
    auto wide = read_numbers(text, "x", tensor::DataType::kFp64, 16);
    auto narrow = read_numbers(text, "x", tensor::DataType::kFp32, 16);
    ASSERT_TRUE(wide && narrow) << text;
    ASSERT_EQ(wide->as<double>().size(), numbers.size()) << text;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_EQ(wide->as<double>()[i], numbers[i]) << "at " << i << " of " << text;
      ASSERT_EQ(std::signbit(wide->as<double>()[i]), std::signbit(numbers[i]))
          << "at " << i << " of " << text;
      ASSERT_EQ(narrow->as<float>()[i], static_cast<float>(numbers[i])) << "at " << i << " of " << text;
    }
  }
}

TEST(JsonDigits, StopAtTheSeparatorBehindTheLast) {
  if (!kReadsBlocks) GTEST_SKIP() << "this processor has no AVX2";
  const std::string text = "1, -22, 333, 4.75,5,  6 ,7,8e5, 9" + std::string(200, ' ');
  std::vector<float> place(kBlockElements);
  const char* at = text.data();
  EXPECT_EQ(read_blocks(at, text.data() + text.size(), place.data(), place.size()), 7U);
  EXPECT_EQ(at, text.data() + text.find(",8e5"));
  place.resize(7);
  EXPECT_EQ(place, (std::vector<float>{1, -22, 333, 4.75, 5, 6, 7}));
}

}  // namespace
}  // namespace saccade::protocol
