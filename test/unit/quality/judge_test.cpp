#include "quality/judge.h"

#include <gtest/gtest.h>

namespace saccade::quality {
namespace {

bool right(std::string_view result, std::string_view truth) {
  const auto judged = judge(result, truth, 1);
  EXPECT_TRUE(judged) << judged.error().message;
  EXPECT_EQ(judged->size(), 1U);
  return judged->front().right;
}

constexpr std::string_view kPositive = R"({"prediction":"positive","class":1,"confidence":0.9})";

TEST(Judge, ByLabelOrNumber) {
  EXPECT_TRUE(right(kPositive, "\"positive\""));
  EXPECT_TRUE(right(kPositive, "1"));
  EXPECT_FALSE(right(kPositive, "0"));
  EXPECT_FALSE(right(kPositive, "\"negative\""));
  EXPECT_FALSE(right(kPositive, "\"1\""));
  EXPECT_DOUBLE_EQ(judge(kPositive, "1", 1)->front().confidence, 0.9);
}

TEST(Judge, LabelsThatAreNumbers) {
  EXPECT_TRUE(right(R"({"prediction":"7","class":7,"confidence":0.5})", "7"));
  // class 0 is called 5 there: the label counts
  EXPECT_TRUE(right(R"({"prediction":5,"class":0,"confidence":0.5})", "5"));
  EXPECT_FALSE(right(R"({"prediction":5,"class":0,"confidence":0.5})", "0"));
}

TEST(Judge, ABatchTakesAsManyTruths) {
  const std::string batch =
      "{\"predictions\":[" + std::string(kPositive) + "," + std::string(kPositive) + "]}";
  const auto judged = judge(batch, "[1,0]", 2);
  ASSERT_TRUE(judged);
  ASSERT_EQ(judged->size(), 2U);
  EXPECT_TRUE((*judged)[0].right);
  EXPECT_FALSE((*judged)[1].right);
  EXPECT_DOUBLE_EQ((*judged)[1].weight, 2);
  EXPECT_FALSE(judge(batch, "1", 1));
  EXPECT_FALSE(judge(batch, "[1]", 1));
  EXPECT_FALSE(judge(kPositive, "[1]", 1));
}

TEST(Judge, WhatIsNoClassIsNotJudged) {
  EXPECT_TRUE(judge(R"({"outputs":{"y":1.5}})", "1.5", 1)->empty());
  EXPECT_TRUE(judge(R"({"prediction":"a","class":0,"confidence":null})", "1", 1)->empty());
  EXPECT_FALSE(judge("{", "1", 1));
}

}  // namespace
}  // namespace saccade::quality
