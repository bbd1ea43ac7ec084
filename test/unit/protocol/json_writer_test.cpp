#include "protocol/json_writer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/half.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

std::string in_quotes(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

template <typename T>
std::string number(T value) {
  std::string out;
  append_number(out, value);
  return out;
}

template <typename T>
std::string json(DataType type, const Shape& shape, const std::vector<T>& values) {
  Tensor tensor(type, shape);
  std::ranges::copy(values, tensor.as<T>().begin());
  std::string out;
  append_tensor(out, tensor.view());
  return out;
}

TEST(JsonString, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(in_quotes(""), R"("")");
  EXPECT_EQ(in_quotes({}), R"("")");
  EXPECT_EQ(in_quotes("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(in_quotes("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(in_quotes(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(in_quotes("café 😀"), "\"café 😀\"");
}

TEST(JsonString, InvalidUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(in_quotes("\xE9"), "\"\uFFFD\"");
  EXPECT_EQ(in_quotes("a\xFF\"é\xC3"), "\"a\uFFFD\\\"é\uFFFD\"");
  EXPECT_EQ(in_quotes("\xC0\xAF"), "\"\uFFFD\uFFFD\"");            // a slash in too many bytes
  EXPECT_EQ(in_quotes("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");  // half of a surrogate pair
  EXPECT_EQ(in_quotes("\xF0\x9F\x98\n"), "\"\uFFFD\uFFFD\uFFFD\\n\"");
}

TEST(JsonNumber, WritesTheShortestDigits) {
  EXPECT_EQ(number(0.1F), "0.1");
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(-0.0), "-0");
  EXPECT_EQ(number(1e22), "1e+22");
  EXPECT_EQ(number(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(number(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(JsonNumber, WhatJsonLacksIsNull) {
  EXPECT_EQ(number(std::numeric_limits<float>::quiet_NaN()), "null");
  EXPECT_EQ(number(std::numeric_limits<float>::infinity()), "null");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "null");
}

template <typename T, typename Bits>
void expect_reads_back() {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const T value = std::bit_cast<T>(static_cast<Bits>(random()));
    if (!std::isfinite(value)) continue;
    const std::string text = number(value);
    T read = 0;
    std::from_chars(text.data(), text.data() + text.size(), read);
    ASSERT_EQ(std::bit_cast<Bits>(read), std::bit_cast<Bits>(value)) << text;
  }
}

TEST(JsonNumber, ReadsBackAsTheSameValue) {
  expect_reads_back<float, std::uint32_t>();
  expect_reads_back<double, std::uint64_t>();
}

TEST(JsonTensor, NestsAsTheShapeDoes) {
  EXPECT_EQ(json<float>(DataType::kFp32, {}, {1.5}), "1.5");
  EXPECT_EQ(json<float>(DataType::kFp32, {3}, {1, 2, 3}), "[1,2,3]");
  EXPECT_EQ(json<float>(DataType::kFp32, {2, 2}, {1, 2, 3, 4}), "[[1,2],[3,4]]");
  EXPECT_EQ(json<float>(DataType::kFp32, {2, 1, 1}, {1, 2}), "[[[1]],[[2]]]");
  EXPECT_EQ(json<float>(DataType::kFp32, {0}, {}), "[]");
  EXPECT_EQ(json<float>(DataType::kFp32, {2, 0}, {}), "[[],[]]");
}

TEST(JsonTensor, WritesEachTypeAsItself) {
  EXPECT_EQ(json<std::uint8_t>(DataType::kBool, {3}, {0, 1, 2}), "[false,true,true]");
  EXPECT_EQ(json<std::uint8_t>(DataType::kUint8, {2}, {65, 255}), "[65,255]");
  EXPECT_EQ(json<std::int8_t>(DataType::kInt8, {2}, {65, -128}), "[65,-128]");
  EXPECT_EQ(json<std::uint16_t>(DataType::kUint16, {1}, {65535}), "[65535]");
  EXPECT_EQ(json<std::int16_t>(DataType::kInt16, {1}, {-32768}), "[-32768]");
  EXPECT_EQ(json<std::uint32_t>(DataType::kUint32, {1}, {4294967295U}), "[4294967295]");
  EXPECT_EQ(json<std::int32_t>(DataType::kInt32, {1}, {-5}), "[-5]");
  EXPECT_EQ(json<std::uint64_t>(DataType::kUint64, {1}, {1ULL << 63}), "[9223372036854775808]");
  EXPECT_EQ(json<std::int64_t>(DataType::kInt64, {1}, {-5}), "[-5]");
  EXPECT_EQ(json<std::uint16_t>(DataType::kFp16, {2}, {0x3C00, 0x7C00}), "[1,null]");
  EXPECT_EQ(json<std::uint16_t>(DataType::kBf16, {2}, {0x3F80, 0x7FC0}), "[1,null]");
  EXPECT_EQ(json<double>(DataType::kFp64, {1}, {0.1}), "[0.1]");
  std::string out;
  append_tensor(out, Tensor({2}, {"a\n", "b"}).view());
  EXPECT_EQ(out, R"(["a\n","b"])");
}

}  // namespace
}  // namespace saccade::protocol
