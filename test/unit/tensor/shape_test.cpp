#include "tensor/shape.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::tensor {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(Shape, CountsItsElements) {
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ((Shape{3}).elements(), 3);
  EXPECT_EQ((Shape{2, 3, 4}).elements(), 24);
  EXPECT_EQ((Shape{2, 0, 4}).elements(), 0);
}

TEST(Shape, HasNoCountWhereADimensionIsFree) {
  EXPECT_EQ((Shape{-1}).elements(), std::nullopt);
  EXPECT_EQ((Shape{0, -1}).elements(), std::nullopt);
}

TEST(Shape, HasNoCountWhereItOverflows) {
  EXPECT_EQ((Shape{kMost}).elements(), kMost);
  EXPECT_EQ((Shape{kMost, 2}).elements(), std::nullopt);
  EXPECT_EQ((Shape{1LL << 32, 1LL << 31}).elements(), std::nullopt);
  EXPECT_EQ((Shape{1LL << 31, 1LL << 31}).elements(), 1LL << 62);
  EXPECT_EQ((Shape{1LL << 32, 1LL << 32, 0}).elements(), std::nullopt)
      << "the order of dimensions doesn't matter";
  EXPECT_EQ((Shape{0, 1LL << 32, 1LL << 32}).elements(), std::nullopt);
}

TEST(Shape, AcceptsWhatFitsItsFreeDimensions) {
  EXPECT_TRUE((Shape{-1, 28, 28}).accepts({5, 28, 28}));
  EXPECT_TRUE((Shape{-1}).accepts({0}));
  EXPECT_TRUE(Shape{}.accepts({}));
  EXPECT_FALSE((Shape{-1, 28, 28}).accepts({5, 28, 27}));
  EXPECT_FALSE((Shape{-1, 28, 28}).accepts({28, 28}));
  EXPECT_FALSE((Shape{-1}).accepts({}));
  EXPECT_FALSE((Shape{0}).accepts({1}));
}

TEST(Shape, KnowsItsFreeDimensions) {
  EXPECT_TRUE((Shape{3, -1}).has_free_dimension());
  EXPECT_FALSE((Shape{3, 0}).has_free_dimension());
  EXPECT_FALSE(Shape{}.has_free_dimension());
}

TEST(Shape, GivesAndTakesItsFirstDimension) {
  EXPECT_EQ((Shape{5, 28}).without_first(), (Shape{28}));
  EXPECT_EQ(Shape{}.without_first(), Shape{});
  EXPECT_EQ((Shape{28}).with_first(-1), (Shape{-1, 28}));
  EXPECT_EQ((Shape{1, 2, 3, 4, 5, 6, 7, 8}).with_first(0), (Shape{0, 1, 2, 3, 4, 5, 6, 7}))
      << "eight at most";
}

TEST(Shape, KeepsEightDimensions) {
  const std::vector<std::int64_t> nine(9, 2);
  EXPECT_EQ(Shape(nine).rank(), 8U);
}

TEST(Shape, ShowsItself) {
  EXPECT_EQ(Shape{}.text(), "[]");
  EXPECT_EQ((Shape{-1, 28, 28}).text(), "[-1,28,28]");
}

TEST(Shape, IsEqualByDimensionsAlone) {
  EXPECT_EQ((Shape{1, 2, 3}).without_first(), (Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{2, 3, 0}));
}

}  // namespace
}  // namespace saccade::tensor
