#include "limit/rule.h"

#include <gtest/gtest.h>

namespace saccade::limit {
namespace {

using namespace std::chrono_literals;

TEST(Rule, ReadsWhomRateAndBurst) {
  const auto rule = Rule::parse("caller:100/s:200");
  ASSERT_TRUE(rule);
  EXPECT_TRUE(rule->caller.counted);
  EXPECT_FALSE(rule->address.counted);
  EXPECT_EQ(rule->rate.interval, 10ms);
  EXPECT_EQ(rule->rate.burst(), 200);
  EXPECT_EQ(rule->title, "caller");

  EXPECT_EQ(Rule::parse("address:600/m")->rate.burst(), 10);          // what comes in a second
  EXPECT_EQ(Rule::parse("address:1/h")->rate.burst(), 1);             // at least one
  EXPECT_EQ(Rule::parse("model:3/s")->rate.interval, 333'333'334ns);  // never more than three
  EXPECT_EQ(Rule::parse("model:1000000/s:1000000")->rate.burst(), 1'000'000);

  const auto named = Rule::parse("caller=ann:1,model=a:b:5/s:6");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->caller.name, "ann:1");
  EXPECT_EQ(named->model.name, "a:b");
  EXPECT_EQ(named->rate.burst(), 6);
  EXPECT_EQ(named->names(), 2);

  const auto network = Rule::parse("address=2001:db8::/32:5/s");
  ASSERT_TRUE(network);
  EXPECT_TRUE(network->address.network->contains(*Address::parse("2001:db8::1")));
}

TEST(Rule, RefusesWhatIsNone) {
  for (const char* text :
       {"", "caller", "caller:", "caller:100", "caller:100/x", "caller:0/s", "caller:1000001/s",
        "caller:-1/s", "caller:1/s:0", "caller:1/s:x", ":1/s", "key:1/s", "caller=:1/s", "caller,caller:1/s",
        "address=here:1/s", "address=10.0.0.1/8:1/s", "model=\":1/s", "caller:1/d:1000"}) {
    const auto rule = Rule::parse(text);
    ASSERT_FALSE(rule) << text;
    EXPECT_NE(rule.error().message.find("WHOM:RATE[:BURST]"), std::string::npos);
  }
  EXPECT_FALSE(parse_rules({"caller:1/s", "caller:2/s"}));
}

TEST(Rule, MatchesWhomItIsAbout) {
  const auto address = Address::parse("10.1.2.3");
  const Call call{.caller = "ann", .address = "10.1.2.3", .model = "digits"};
  for (const char* text : {"caller:1/s", "caller=ann:1/s", "address:1/s", "address=10.0.0.0/8:1/s",
                           "model=digits:1/s", "caller,model=digits:1/s"})
    EXPECT_TRUE(Rule::parse(text)->matches(call, address)) << text;
  for (const char* text :
       {"caller=bob:1/s", "address=11.0.0.0/8:1/s", "model=other:1/s", "caller,model=other:1/s"})
    EXPECT_FALSE(Rule::parse(text)->matches(call, address)) << text;
  EXPECT_FALSE(
      Rule::parse("caller:1/s")->matches({.caller = "", .address = "10.1.2.3", .model = ""}, address));
}

}  // namespace
}  // namespace saccade::limit
