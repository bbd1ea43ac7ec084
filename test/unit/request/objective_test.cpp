#include "request/objective.h"

#include <gtest/gtest.h>

namespace saccade::request {
namespace {

using namespace std::chrono_literals;

TEST(Objective, IsAPercentileAndATime) {
  const auto objective = parse_objective("p99=20ms");
  ASSERT_TRUE(objective);
  EXPECT_DOUBLE_EQ(objective->quantile, 0.99);
  EXPECT_EQ(objective->latency, 20ms);
  EXPECT_DOUBLE_EQ(parse_objective("p99.9=1.5s")->quantile, 0.999);
  EXPECT_EQ(parse_objective("p99.9=1.5s")->latency, 1500ms);
  EXPECT_EQ(parse_objective("p50=800us")->latency, 800us);
  EXPECT_EQ(parse_objective("250ns")->latency, 250ns);
}

TEST(Objective, ATimeAloneIsOfThe99thPercentile) {
  const auto objective = parse_objective("5ms");
  ASSERT_TRUE(objective);
  EXPECT_DOUBLE_EQ(objective->quantile, 0.99);
  EXPECT_EQ(objective->latency, 5ms);
}

TEST(Objective, IsWrittenAsItIsRead) {
  for (const char* text : {"p99=20ms", "p99.9=1.5s", "p50=800us", "p95=0.5us"}) {
    EXPECT_EQ(to_text(*parse_objective(text)), text);
  }
  EXPECT_EQ(to_text(Objective{}), "none");
  EXPECT_FALSE(Objective{}.stated());
}

TEST(Objective, SaysWhatWouldBeRight) {
  for (const char* text : {"", "p99", "p99=", "p99=20", "p99=-1ms", "p0=1ms", "p100=1ms", "99=20ms",
                           "p99=0ms", "p99=nans", "p99=1e9s", "p99=20 ms", "p99=20ms "}) {
    const auto objective = parse_objective(text);
    ASSERT_FALSE(objective) << text;
    EXPECT_EQ(objective.error().code, base::Code::kInvalidArgument);
    EXPECT_NE(objective.error().message.find("for example p99=20ms"), std::string::npos);
  }
}

}  // namespace
}  // namespace saccade::request
