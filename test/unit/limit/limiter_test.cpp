#include "limit/limiter.h"

#include <gtest/gtest.h>

namespace saccade::limit {
namespace {

using namespace std::chrono_literals;

class LimiterTest : public testing::Test {
 protected:
  void make(const std::vector<std::string>& rules) {
    limiter_ = std::make_unique<Limiter>(LimiterSettings{.rules = *parse_rules(rules)}, nullptr, registry_);
  }
  Decision take(std::string_view caller, std::string_view address, std::string_view model = "digits") {
    auto decision = limiter_->take({.caller = caller, .address = address, .model = model}, loop_, {});
    EXPECT_TRUE(decision);
    return *decision;
  }
  int allowed(int tries, std::string_view caller, std::string_view address,
              std::string_view model = "digits") {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += take(caller, address, model).allowed ? 1 : 0;
    return count;
  }

  observe::Registry registry_;
  runtime::EventLoop loop_{0};
  std::unique_ptr<Limiter> limiter_;
};

TEST_F(LimiterTest, EachHasItsOwnCount) {
  make({"address:1/h:3"});
  EXPECT_EQ(allowed(5, "", "192.0.2.1"), 3);
  EXPECT_EQ(allowed(5, "", "192.0.2.2"), 3);
  EXPECT_EQ(allowed(5, "", "2001:db8::1"), 3);
  EXPECT_EQ(allowed(5, "", "2001:db8::2"), 0);  // the same /64
  EXPECT_EQ(allowed(5, "", ""), 5);             // nothing is known of it
}

TEST_F(LimiterTest, ANameReplacesTheRuleForAll) {
  make({"caller:1/h:2", "caller=partner:1/h:4"});
  EXPECT_EQ(allowed(6, "ann", ""), 2);
  EXPECT_EQ(allowed(6, "partner", ""), 4);
}

TEST_F(LimiterTest, AllRulesHaveToLetItInAndWhoIsRefusedIsNotCounted) {
  make({"caller:1/h:3", "model=digits:1/h:5"});
  EXPECT_EQ(allowed(100, "ann", ""), 3);
  EXPECT_EQ(allowed(100, "bob", ""), 2);           // of the model's five
  EXPECT_EQ(allowed(100, "bob", "", "other"), 1);  // his third: the refused ones cost him nothing
}

TEST_F(LimiterTest, SaysWhatIsLeft) {
  make({"caller:10/s:20"});
  const Decision first = take("ann", "");
  EXPECT_EQ(first.policy_field(), "\"caller\";q=20;w=2");
  EXPECT_EQ(first.limit_field(), "\"caller\";r=19;t=1");
  Decision last;
  for (int i = 0; i < 1000 && last.allowed; ++i) last = take("ann", "");
  ASSERT_FALSE(last.allowed);
  EXPECT_EQ(last.remaining, 0);
  EXPECT_GT(last.retry_after, 0ns);
  EXPECT_LE(last.retry_after, 100ms);
  EXPECT_EQ(last.retry_after_seconds(), 1);
  EXPECT_EQ(last.error().code, base::Code::kRateLimited);
  EXPECT_NE(last.error().message.find("caller:10/s:20"), std::string::npos);
}

TEST_F(LimiterTest, CountsWhatItDecides) {
  make({"caller:1/h:1"});
  EXPECT_EQ(allowed(3, "ann", ""), 1);
  const std::string text = registry_.scrape();
  EXPECT_NE(text.find("saccade_rate_limit_allowed_total 1"), std::string::npos);
  EXPECT_NE(text.find("saccade_rate_limit_refused_total{rule=\"caller\"} 2"), std::string::npos);
}

}  // namespace
}  // namespace saccade::limit
