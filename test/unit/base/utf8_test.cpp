#include "base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::base {
namespace {

TEST(Utf8, KnowsWhatIsText) {
  for (const std::string_view text : {"", "a", "é", "夏", "🐘", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const std::string_view text :
       {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\xF8\x88\x80\x80\x80", "\xFF", "\xE5\xA4", "\xF0\x9F\x90"}) {
    EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(std::string(text));
  }
  EXPECT_EQ(utf8_prefix("abé\xFF"), 4);
}

}  // namespace
}  // namespace saccade::base
