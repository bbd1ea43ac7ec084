// Who shares cached answers with others, as keys say it.
#include <gtest/gtest.h>

#include "access/key_file.h"
#include "access/key_table.h"

namespace saccade::access {
namespace {

std::string entry(std::string_view name, std::string_view digit, std::string_view more) {
  std::string digest;
  while (digest.size() < 2 * kDigestBytes) digest += digit;
  return R"({"name": ")" + std::string(name) + R"(", "sha256": ")" + digest + R"(", "scopes": ["predict"])" +
         std::string(more) + "}";
}

TEST(CacheSharingTest, IsWhatTheEntrySays) {
  const auto entries = parse_keys(R"({"keys": [)" + entry("open", "aa", "") + "," +
                                  entry("shared", "bb", R"(, "cache": "shared")") + "," +
                                  entry("apart", "cc", R"(, "cache": "private")") + "]}");
  ASSERT_TRUE(entries.has_value()) << entries.error().message;
  EXPECT_EQ(*parse_keys(write_keys(*entries)), *entries) << "written and read again";
  const KeyTable table(*entries, nullptr);
  EXPECT_TRUE(table.find_key(std::string(kDigestBytes, '\xaa'))->shares_cache);
  EXPECT_TRUE(table.find_key(std::string(kDigestBytes, '\xbb'))->shares_cache);
  EXPECT_FALSE(table.find_key(std::string(kDigestBytes, '\xcc'))->shares_cache);
}

TEST(CacheSharingTest, AnythingElseIsWrong) {
  for (const std::string_view said : {R"("mine")", "true", R"("")", "null"}) {
    const auto entries =
        parse_keys(R"({"keys": [)" + entry("one", "aa", R"(, "cache": )" + std::string(said)) + "]}");
    ASSERT_FALSE(entries.has_value()) << said;
    EXPECT_NE(entries.error().message.find("\"cache\""), std::string::npos) << entries.error().message;
  }
}

}  // namespace
}  // namespace saccade::access
