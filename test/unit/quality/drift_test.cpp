#include "quality/drift.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::quality {
namespace {

TEST(StabilityIndex, ComputedByHand) {
  const std::vector<std::uint64_t> reference{60, 40};
  const std::vector<std::uint64_t> now{30, 70};
  const double p = 60.5 / 101, q = 30.5 / 101;
  const double expected = (q - p) * std::log(q / p) + ((1 - q) - (1 - p)) * std::log((1 - q) / (1 - p));
  EXPECT_NEAR(stability_index(reference, now), expected, 1e-12);
  EXPECT_NEAR(expected, 0.368, 0.001);  // 0.376 without the halves
  EXPECT_NEAR(stability_index(now, reference), expected, 1e-12) << "it is symmetric";
}

TEST(StabilityIndex, NoChangeIsZeroAndAnEmptyBinIsFinite) {
  const std::vector<std::uint64_t> counts{5, 0, 7};
  EXPECT_DOUBLE_EQ(stability_index(counts, counts), 0);
  EXPECT_TRUE(std::isfinite(stability_index(counts, std::vector<std::uint64_t>{0, 12, 0})));
}

class ValueDriftTest : public testing::Test {
 protected:
  void feed(int samples, float shift) {
    for (int i = 0; i < samples; ++i) {
      const std::vector<float> values{static_cast<float>(i % 100) + shift,
                                      static_cast<float>((i * 37) % 100) + shift};
      drift_.add_sample(values);
    }
  }
  ValueDrift drift_{{.reference = 500, .recent = 500}};
};

TEST_F(ValueDriftTest, SaysNothingBeforeThereIsSomethingToCompare) {
  feed(499, 0);
  EXPECT_FALSE(drift_.drift());
  feed(1, 0);
  EXPECT_FALSE(drift_.drift());
  feed(1, 0);
  EXPECT_TRUE(drift_.drift());
}

TEST_F(ValueDriftTest, TheSameIsNoDriftAndAShiftIs) {
  feed(1'000, 0);
  EXPECT_LT(*drift_.drift(), 0.02);
  feed(500, 60);
  EXPECT_GT(*drift_.drift(), 1);
  feed(600, 0);
  EXPECT_LT(*drift_.drift(), 0.05) << "the window has forgotten";
}

TEST_F(ValueDriftTest, MeanAndDeviation) {
  feed(2'000, 0);
  EXPECT_NEAR(drift_.mean(), 49.5, 1);
  EXPECT_NEAR(drift_.deviation(), 28.9, 1);
  feed(2'000, 100);
  EXPECT_NEAR(drift_.mean(), 149.5, 4) << "what was is forgotten";
}

TEST_F(ValueDriftTest, OneValueOnly) {
  const std::vector<float> zero{0};
  for (int i = 0; i < 1'000; ++i) drift_.add_sample(zero);
  EXPECT_LT(*drift_.drift(), 0.02);
  const std::vector<float> one{1};
  for (int i = 0; i < 500; ++i) drift_.add_sample(one);
  EXPECT_GT(*drift_.drift(), 1);
}

TEST_F(ValueDriftTest, WhatIsNoNumberHarmsNothing) {
  const std::vector<float> odd{std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity(), 1};
  for (int i = 0; i < 1'100; ++i) drift_.add_sample(odd);
  EXPECT_TRUE(std::isfinite(*drift_.drift()));
  EXPECT_TRUE(std::isfinite(drift_.mean()));
  for (int i = 0; i < 600; ++i) drift_.add_sample({});
  EXPECT_TRUE(std::isfinite(*drift_.drift()));
}

TEST(ClassDrift, SeesOtherClasses) {
  ClassDrift drift(3, {.reference = 100, .recent = 100});
  for (std::size_t i = 0; i < 100; ++i) drift.add(i % 2);
  EXPECT_FALSE(drift.drift());
  for (std::size_t i = 0; i < 100; ++i) drift.add(i % 2);
  EXPECT_LT(*drift.drift(), 0.02);
  for (std::size_t i = 0; i < 100; ++i) drift.add(2);
  EXPECT_GT(*drift.drift(), 1);
  drift.add(1'000'000);  // a class that the model said it did not have
}

}  // namespace
}  // namespace saccade::quality
