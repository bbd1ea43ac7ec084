#include "model/schedule_settings.h"

#include <gtest/gtest.h>

namespace saccade::model {
namespace {

using namespace std::chrono_literals;

struct Settings {
  ModelConfig config;
  ScheduleDefaults defaults;
  schedule::BatchPolicy policy;

  base::Status apply() { return apply_schedule_settings(config, defaults, "model \"m\"", policy); }
  std::string refusal() {
    const base::Status applied = apply();
    return applied ? "" : applied.error().message;
  }
};

TEST(ScheduleSettings, TheServersHoldWhereTheModelSaysNothing) {
  Settings settings;
  settings.defaults = {
      .objective = {.quantile = 0.95, .latency = 5ms}, .min_instances = 1, .max_instances = 3};
  ASSERT_TRUE(settings.apply());
  EXPECT_EQ(settings.policy.objective.latency, 5ms);
  EXPECT_EQ(settings.policy.min_instances, 1U);
  EXPECT_EQ(settings.policy.max_instances, 3U);
}

TEST(ScheduleSettings, TheModelsOwnGoBefore) {
  Settings settings;
  settings.defaults = {.objective = {.latency = 5ms}, .min_instances = 2, .max_instances = 3};
  settings.config.instance_count = 1;
  settings.config.parameters = {{"objective", "p99.9=40ms"}};
  ASSERT_TRUE(settings.apply());
  EXPECT_EQ(settings.policy.objective.latency, 40ms);
  EXPECT_DOUBLE_EQ(settings.policy.objective.quantile, 0.999);
  EXPECT_EQ(settings.policy.max_instances, 1U);
  EXPECT_EQ(settings.policy.min_instances, 1U);  // not more than the most
}

TEST(ScheduleSettings, AModelMayHaveNoObjective) {
  Settings settings;
  settings.defaults.objective.latency = 5ms;
  settings.config.parameters = {{"objective", "none"}};
  ASSERT_TRUE(settings.apply());
  EXPECT_FALSE(settings.policy.objective.stated());
}

TEST(ScheduleSettings, AModelMayHaveALargerShare) {
  Settings settings;
  ASSERT_TRUE(settings.apply());
  EXPECT_DOUBLE_EQ(settings.policy.weight, 1);
  settings.config.parameters = {{"weight", "2.5"}};
  ASSERT_TRUE(settings.apply());
  EXPECT_DOUBLE_EQ(settings.policy.weight, 2.5);
  EXPECT_TRUE(is_schedule_parameter("weight"));
}

TEST(ScheduleSettings, SayWhatWouldBeRight) {
  Settings settings;
  for (const char* wrong : {"0", "-1", "101", "much", "1x", "nan", ""}) {
    settings.config.parameters = {{"weight", wrong}};
    EXPECT_EQ(settings.refusal(), "model \"m\": parameter weight is \"" + std::string(wrong) +
                                      "\"; it takes a number from 0.01 to 100, 1 where it is left out");
  }
  settings.config.parameters = {{"objective", "fast"}};
  EXPECT_NE(settings.refusal().find("model \"m\": parameter objective: an objective of \"fast\""),
            std::string::npos);
  settings.config.parameters = {{"min_instances", "-1"}};
  EXPECT_EQ(settings.refusal(),
            "model \"m\": parameter min_instances is \"-1\"; it takes a whole number from 0 to 1024");
  settings.config.parameters = {{"min_instances", "3"}};
  settings.config.instance_count = 2;
  EXPECT_EQ(settings.refusal(),
            "model \"m\": parameter min_instances is 3, more than the 2 that the instance groups (or "
            "--max-instances) allow");
}

}  // namespace
}  // namespace saccade::model
