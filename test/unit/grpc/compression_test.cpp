#include "grpc/compression.h"

#include <gtest/gtest.h>

namespace saccade::grpc {
namespace {

constexpr std::size_t kLimit = std::size_t{1024} * 1024;

std::string sample(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>((i * i) % 251);
  return text;
}

std::string packed(Encoding encoding, std::string_view bytes) {
  std::string out;
  EXPECT_TRUE(compress(encoding, bytes, out));
  return out;
}

class Encodings : public testing::TestWithParam<Encoding> {};

TEST_P(Encodings, RoundTrip) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}, kLimit}) {
    const std::string text = sample(size);
    const auto back = decompress(GetParam(), packed(GetParam(), text), kLimit);
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(*back, text);
  }
}

TEST_P(Encodings, ABombIsRefusedAtTheLimit) {
  const std::string bomb = packed(GetParam(), std::string(64 * kLimit, '\0'));
  ASSERT_LT(bomb.size(), kLimit);
  const auto refused = decompress(GetParam(), bomb, kLimit);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_NE(refused.error().message.find(std::to_string(kLimit)), std::string::npos);
  // One byte beyond is as bad.
  EXPECT_FALSE(decompress(GetParam(), packed(GetParam(), sample(kLimit + 1)), kLimit));
}

TEST_P(Encodings, WhatIsNotOfItIsRefused) {
  const std::string good = packed(GetParam(), sample(1000));
  std::string wrong_sum = good;
  wrong_sum[good.size() - 1] = static_cast<char>(wrong_sum[good.size() - 1] ^ 1);
  wrong_sum[good.size() - 5] = static_cast<char>(wrong_sum[good.size() - 5] ^ 1);
  for (const std::string& bytes :
       {std::string(), std::string("plain text"), good.substr(0, good.size() - 3), good + "x", wrong_sum}) {
    const auto refused = decompress(GetParam(), bytes, kLimit);
    ASSERT_FALSE(refused) << bytes.size();
    EXPECT_EQ(refused.error().code, StatusCode::kInternal);
  }
}

TEST_P(Encodings, AppendsBehindWhatIsThere) {
  std::string out = "12345";
  ASSERT_TRUE(compress(GetParam(), "text", out));
  EXPECT_TRUE(out.starts_with("12345"));
  EXPECT_EQ(decompress(GetParam(), std::string_view(out).substr(5), kLimit), "text");
}

INSTANTIATE_TEST_SUITE_P(Both, Encodings, testing::Values(Encoding::kGzip, Encoding::kDeflate));

TEST(Encodings, TheTwoAreNotTheSame) {
  EXPECT_FALSE(decompress(Encoding::kGzip, packed(Encoding::kDeflate, "text"), kLimit));
  EXPECT_FALSE(decompress(Encoding::kDeflate, packed(Encoding::kGzip, "text"), kLimit));
}

TEST(Encodings, Names) {
  EXPECT_EQ(parse_encoding("gzip"), Encoding::kGzip);
  EXPECT_EQ(parse_encoding("deflate"), Encoding::kDeflate);
  EXPECT_EQ(parse_encoding("identity"), Encoding::kIdentity);
  EXPECT_FALSE(parse_encoding("snappy"));
  EXPECT_FALSE(parse_encoding(""));
  EXPECT_TRUE(lists("identity, deflate, gzip", Encoding::kGzip));
  EXPECT_TRUE(lists("gzip", Encoding::kGzip));
  EXPECT_TRUE(lists("gzip,", Encoding::kGzip));
  EXPECT_FALSE(lists("identity,gzipped", Encoding::kGzip));
  EXPECT_FALSE(lists("", Encoding::kGzip));
}

}  // namespace
}  // namespace saccade::grpc
