#include "http/content_coding.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

const std::string kText = [] {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * i) + ",";
  return text;
}();

TEST(ContentCoding, ThereAndBack) {
  for (const Coding coding : {Coding::kGzip, Coding::kDeflate, Coding::kIdentity}) {
    for (const std::string& text : {kText, std::string("a"), std::string()}) {
      const auto packed = compress(coding, text);
      ASSERT_TRUE(packed);
      const auto unpacked = decompress(coding, *packed, 1'000'000);
      ASSERT_TRUE(unpacked) << unpacked.error().message;
      EXPECT_EQ(*unpacked, text);
      EXPECT_GE(unpacked->capacity(), text.size() + 64);
    }
    if (coding != Coding::kIdentity) {
      EXPECT_LT(compress(coding, kText)->size(), kText.size() / 2);
    }
  }
}

TEST(ContentCoding, TheFormatsAreTheStandardsOnes) {
  EXPECT_TRUE(compress(Coding::kGzip, "a")->starts_with("\x1F\x8B"));
  EXPECT_EQ((*compress(Coding::kDeflate, "a"))[0], '\x78');
  // "a" by raw deflate, as some send it under the name.
  EXPECT_EQ(decompress(Coding::kDeflate, std::string_view("\x4B\x04\x00", 3), 10).value_or("wrong"), "a");
}

TEST(ContentCoding, NoMoreThanTheLimit) {
  const std::string packed = *compress(Coding::kGzip, std::string(1'000'000, '\0'));
  EXPECT_EQ(decompress(Coding::kGzip, packed, 1'000'000)->size(), 1'000'000U);
  const auto refused = decompress(Coding::kGzip, packed, 999'999);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kTooLarge);
  EXPECT_FALSE(decompress(Coding::kGzip, packed, 0));
}

TEST(ContentCoding, DamageIsSeen) {
  std::string packed = *compress(Coding::kGzip, kText);
  const auto message = [](std::string_view bytes) {
    const auto unpacked = decompress(Coding::kGzip, bytes, 1'000'000);
    return unpacked ? "it was taken" : unpacked.error().message;
  };
  EXPECT_NE(message(packed.substr(0, packed.size() / 2)).find("ends too early"), std::string::npos);
  EXPECT_NE(message(packed.substr(0, packed.size() - 8)).find("ends too early"), std::string::npos)
      << "no checksum";
  EXPECT_NE(message(packed + "more").find("4 bytes follow"), std::string::npos);
  EXPECT_NE(message("hello, world").find("not valid gzip"), std::string::npos);
  EXPECT_NE(message("").find("ends too early"), std::string::npos);
  packed[packed.size() - 6] ^= 1;  // the checksum
  EXPECT_NE(message(packed).find("not valid gzip"), std::string::npos);
}

TEST(ContentCoding, NamesOfRequests) {
  EXPECT_EQ(parse_coding("").value(), Coding::kIdentity);
  EXPECT_EQ(parse_coding("identity").value(), Coding::kIdentity);
  EXPECT_EQ(parse_coding(" GZIP ").value(), Coding::kGzip);
  EXPECT_EQ(parse_coding("x-gzip").value(), Coding::kGzip);
  EXPECT_EQ(parse_coding("deflate").value(), Coding::kDeflate);
  EXPECT_FALSE(parse_coding("br"));
  EXPECT_FALSE(parse_coding("gzip, gzip"));
}

TEST(ContentCoding, WhatACallerLikesBest) {
  EXPECT_EQ(preferred_coding("gzip"), Coding::kGzip);
  EXPECT_EQ(preferred_coding("deflate, gzip"), Coding::kDeflate);
  EXPECT_EQ(preferred_coding("br, gzip;q=0.5 , deflate; q=0.9"), Coding::kDeflate);
  EXPECT_EQ(preferred_coding("gzip;q=0"), Coding::kIdentity);
  EXPECT_EQ(preferred_coding("gzip;q=0, deflate;q=0.001"), Coding::kDeflate);
  EXPECT_EQ(preferred_coding("gzip;q=nonsense"), Coding::kIdentity);
  for (const char* none : {"", "*", "identity", "br", ",;,=;q", "gzipped"}) {
    EXPECT_EQ(preferred_coding(none), Coding::kIdentity) << none;
  }
}

}  // namespace
}  // namespace saccade::http
