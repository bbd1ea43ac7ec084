#include "quality/calibration.h"

#include <gtest/gtest.h>

namespace saccade::quality {
namespace {

TEST(Scores, OfFourPredictionsComputedByHand) {
  Scores scores;
  scores.add({.right = true, .confidence = 0.95});
  scores.add({.right = false, .confidence = 0.91});
  scores.add({.right = true, .confidence = 0.62});
  scores.add({.right = false, .confidence = 0.30});
  EXPECT_DOUBLE_EQ(scores.accuracy(), 0.5);
  // (0.05² + 0.91² + 0.38² + 0.30²) / 4
  EXPECT_NEAR(scores.brier(), 0.266250, 1e-9);
  // bins 9: 2/4 · |0.5 − 0.93|, 6: 1/4 · |1 − 0.62|, 3: 1/4 · |0 − 0.30|
  EXPECT_NEAR(scores.calibration_error(), 0.5 * 0.43 + 0.25 * 0.38 + 0.25 * 0.30, 1e-9);
}

TEST(Scores, PerfectOnes) {
  Scores scores;
  for (int i = 0; i < 10; ++i) scores.add({.right = true, .confidence = 1});
  EXPECT_DOUBLE_EQ(scores.accuracy(), 1);
  EXPECT_DOUBLE_EQ(scores.brier(), 0);
  EXPECT_DOUBLE_EQ(scores.calibration_error(), 0);
}

TEST(Scores, AWeightCountsAsThatMany) {
  Scores weighted;
  weighted.add({.right = true, .confidence = 0.7, .weight = 3});
  weighted.add({.right = false, .confidence = 0.7, .weight = 1});
  EXPECT_DOUBLE_EQ(weighted.accuracy(), 0.75);
  EXPECT_NEAR(weighted.calibration_error(), 0.05, 1e-9);
}

TEST(Calibration, TheRecentOnesForgetAndAllDoNot) {
  Calibration calibration;
  for (std::size_t i = 0; i < Calibration::kWindow; ++i) calibration.add({.right = false, .confidence = 0.5});
  for (std::size_t i = 0; i < Calibration::kWindow; ++i) calibration.add({.right = true, .confidence = 0.5});
  EXPECT_DOUBLE_EQ(calibration.recent().accuracy(), 1);
  EXPECT_DOUBLE_EQ(calibration.all().accuracy(), 0.5);
  EXPECT_EQ(calibration.count(), 2 * Calibration::kWindow);
}

}  // namespace
}  // namespace saccade::quality
