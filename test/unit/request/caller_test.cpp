#include "request/caller.h"

#include <gtest/gtest.h>

namespace saccade::request {
namespace {

TEST(Patterns, MatchWholeNames) {
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } cases[] = {{"digits", "digits", true},
               {"digits", "digits2", false},
               {"digits*", "digits", true},
               {"digits*", "digits-v2", true},
               {"digits*", "my-digits", false},
               {"*", "", true},
               {"*", "anything", true},
               {"", "", true},
               {"", "a", false},
               {"?", "a", true},
               {"?", "", false},
               {"d?g*s", "digits", true},
               {"*its", "digits", true},
               {"*it", "digits", false},
               {"a*b*c", "a-b-b-c", true},
               {"a*b*c", "a-c-b", false},
               {"**", "x", true},
               {"*?*", "", false},
               {"[ab]", "a", false},
               {"a.c", "abc", false}};
  for (const auto& one : cases) {
    EXPECT_EQ(matches_pattern(one.pattern, one.text), one.matches) << one.pattern << " " << one.text;
  }
}

TEST(Patterns, TakeNoTimeThatGrowsWithoutBound) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches_pattern(pattern + "b", std::string(10'000, 'a')));
}

TEST(Identities, HaveModelsAndAnEnd) {
  Identity all;
  EXPECT_TRUE(all.may_use("digits"));
  EXPECT_TRUE(all.valid(4'000'000'000));
  all.ended = true;
  EXPECT_FALSE(all.valid(0));
  Identity none;
  none.models.emplace();
  EXPECT_FALSE(none.may_use("digits"));
  none.expires = 100;
  EXPECT_TRUE(none.valid(99));
  EXPECT_FALSE(none.valid(100));
}

TEST(Callers, GoOnAsLongAsTheirIdentity) {
  Caller anonymous;
  EXPECT_TRUE(anonymous.may_go_on());
  EXPECT_TRUE(anonymous.may_use("digits"));
  const auto identity = std::make_shared<Identity>();
  const Caller known{.name = "ci", .identity = identity};
  EXPECT_TRUE(known.may_go_on());
  identity->expires = 1;  // long ago
  EXPECT_FALSE(known.may_go_on());
}

}  // namespace
}  // namespace saccade::request
