#include "base/base64.h"

#include <gtest/gtest.h>

namespace saccade::base {
namespace {

std::string encoded(std::string_view bytes) {
  std::string out = "before ";
  append_base64(out, bytes);
  EXPECT_TRUE(out.starts_with("before "));
  return out.substr(7);
}

std::string decoded(std::string_view text) {
  std::string out = "before ";
  if (!decode_base64(text, out)) {
    EXPECT_EQ(out, "before ");
    return "refused";
  }
  return out.substr(7);
}

TEST(Base64, EncodesTheExamplesOfItsSpecification) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
}

TEST(Base64, ComesBackAsItWentIn) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(decoded(encoded(bytes)), bytes);
    bytes += static_cast<char>(i * 151);
  }
}

TEST(Base64, MayLackItsPadding) {
  EXPECT_EQ(decoded("Zg"), "f");
  EXPECT_EQ(decoded("Zm8"), "fo");
}

TEST(Base64, RefusesWhatItIsNot) {
  for (const char* text : {"Z", "Zg=", "Zg===", "=", "====", "Zm9v Zm9v", "Zm9v\n", "Zm-_", "Zm9vZ", "Z=g=",
                           "Zm\xff"
                           "v"}) {
    EXPECT_EQ(decoded(text), "refused") << text;
  }
}

}  // namespace
}  // namespace saccade::base
