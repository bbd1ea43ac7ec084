#include "redis/address.h"

#include <gtest/gtest.h>

namespace saccade::redis {
namespace {

TEST(Address, ReadsWhatAUrlSays) {
  const auto short_form = parse_url("redis://localhost");
  ASSERT_TRUE(short_form);
  EXPECT_EQ(short_form->host, "localhost");
  EXPECT_EQ(short_form->port, 6379);
  EXPECT_EQ(short_form->database, 0);
  EXPECT_EQ(short_form->password, "");

  const auto whole = parse_url("redis://ann:p%40ss%2Fword@cache.example:7000/3");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->user, "ann");
  EXPECT_EQ(whole->password, "p@ss/word");
  EXPECT_EQ(whole->host, "cache.example");
  EXPECT_EQ(whole->port, 7000);
  EXPECT_EQ(whole->database, 3);
  EXPECT_EQ(whole->text(), "cache.example:7000/3");

  const auto v6 = parse_url("redis://:secret@[::1]:6380/");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->user, "");
  EXPECT_EQ(v6->password, "secret");
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->text(), "[::1]:6380/0");
}

TEST(Address, RefusesWhatIsNoneAndKeepsThePasswordOutOfTheMessage) {
  for (const char* url :
       {"", "localhost:6379", "http://localhost", "redis://", "redis://:6379", "redis://h:port",
        "redis://h:0", "redis://h:65536", "redis://h:1/x", "redis://h:1/-1", "redis://h?db=1", "redis://[::1",
        "redis://sesame@h", "redis://:sesame%2@h", "redis://:sesame%zz@h", "rediss://:sesame@h",
        "redis://:sesame@"}) {
    const auto address = parse_url(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, base::Code::kInvalidArgument);
    EXPECT_NE(address.error().message.find("the URL of Redis: "), std::string::npos)
        << address.error().message;
    EXPECT_EQ(address.error().message.find("sesame"), std::string::npos) << address.error().message;
  }
}

}  // namespace
}  // namespace saccade::redis
