// How careful predictions are made by what became of them: errors and answers made up.
#include "schedule/caution.h"

#include <random>

#include <gtest/gtest.h>

namespace saccade::schedule {
namespace {

constexpr double kQuantile = .995;
constexpr double kMayBeLate = 1 - kQuantile;

TEST(Caution, ComesToRestWhereItsShareOfErrorsLiesBelow) {
  Caution caution;
  std::mt19937 random(1);
  std::exponential_distribution<double> error(1);
  for (int i = 0; i < 20'000; ++i) caution.learn(error(random), kQuantile);
  caution.judge(0, false, kMayBeLate);
  // Of an exponential distribution of mean 1: -ln(0.005) = 5.3.
  EXPECT_NEAR(caution.value(), 5.3, 1.5);
}

TEST(Caution, GrowsAtOnceWhenAnswersAreLateAndShrinksSlowly) {
  Caution caution;
  const double before = caution.value();
  caution.judge(1, true, kMayBeLate);
  EXPECT_GT(caution.value(), 1.2 * before);
  const double after = caution.value();
  for (int i = 0; i < 10; ++i) caution.judge(0, true, kMayBeLate);
  EXPECT_LT(caution.value(), after);
  EXPECT_GT(caution.value(), .97 * after);
  // One late batch in 1 / kMayBeLate is what is allowed: then it stays where it is.
  Caution steady;
  for (int batch = 0; batch < 20'000; ++batch) steady.judge(batch % 200 == 0 ? 1 : 0, true, kMayBeLate);
  EXPECT_NEAR(steady.value(), 1, .3);
}

TEST(Caution, QuietTimesTakeTheGuardBackToOneAndNotBelow) {
  Caution caution;
  for (int i = 0; i < 100'000; ++i) caution.judge(0, false, kMayBeLate);
  EXPECT_DOUBLE_EQ(caution.value(), 1);
  for (int i = 0; i < 100'000; ++i) caution.judge(0, true, kMayBeLate);
  EXPECT_LT(caution.value(), .5) << "answers with little to spare may";
  for (int i = 0; i < 100'000; ++i) caution.judge(0, false, kMayBeLate);
  EXPECT_DOUBLE_EQ(caution.value(), 1);
}

TEST(Caution, IsBoundedWhateverHappens) {
  Caution caution;
  for (int i = 0; i < 10'000; ++i) {
    caution.learn(1e12, kQuantile);
    caution.judge(1, true, kMayBeLate);
  }
  const double most = caution.value();
  EXPECT_LE(most, 64);
  for (int i = 0; i < 1000; ++i) caution.ease();
  EXPECT_LE(caution.value(), 1);
  EXPECT_GT(caution.value(), .9) << "no further than to what predictions say";
}

}  // namespace
}  // namespace saccade::schedule
