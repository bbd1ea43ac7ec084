#include "protocol/predict_shape.h"

#include <gtest/gtest.h>

namespace saccade::protocol {
namespace {

using tensor::Shape;

// "[1,2,3] batch 1 single", or "no".
std::string fitted(const Shape& sent, const Shape& wanted, bool batches = true) {
  const auto fit = fit_shape(sent, wanted, batches);
  if (!fit) return "no";
  return fit->shape.text() + " batch " + std::to_string(fit->batch) + (fit->single ? " single" : "");
}

TEST(FitShape, TheItemItselfComesFirst) {
  EXPECT_EQ(fitted({28, 28}, {-1, 28, 28}), "[1,28,28] batch 1 single");
  EXPECT_EQ(fitted({}, {-1}), "[1] batch 1 single");
  EXPECT_EQ(fitted({5}, {-1, -1}), "[1,5] batch 1 single");
}

TEST(FitShape, ThenAListOfItems) {
  EXPECT_EQ(fitted({3, 28, 28}, {-1, 28, 28}), "[3,28,28] batch 3");
  EXPECT_EQ(fitted({1, 28, 28}, {-1, 28, 28}), "[1,28,28] batch 1");
  EXPECT_EQ(fitted({3}, {-1}), "[3] batch 3");
  EXPECT_EQ(fitted({0}, {-1}), "[0] batch 0");
  EXPECT_EQ(fitted({2, 5}, {-1, -1}), "[2,5] batch 2");
}

TEST(FitShape, ThenBothWithoutDimensionsOfSizeOne) {
  EXPECT_EQ(fitted({28, 28}, {-1, 1, 28, 28}), "[1,1,28,28] batch 1 single");
  EXPECT_EQ(fitted({3, 28, 28}, {-1, 1, 28, 28}), "[3,1,28,28] batch 3");
  EXPECT_EQ(fitted({}, {-1, 1}), "[1,1] batch 1 single");
  EXPECT_EQ(fitted({4}, {-1, 1}), "[4,1] batch 4");
}

TEST(FitShape, RefusesAnyOtherNumberOfElements) {
  EXPECT_EQ(fitted({28, 27}, {-1, 28, 28}), "no");
  EXPECT_EQ(fitted({784}, {-1, 28, 28}), "no");
  EXPECT_EQ(fitted({}, {-1, 28, 28}), "no");
  EXPECT_EQ(fitted({1, 1, 28, 28}, {-1, 28, 28}), "no");
}

TEST(FitShape, WithoutBatchesTheShapeIsTheItem) {
  EXPECT_EQ(fitted({3, 7}, {3, -1}, false), "[3,7] batch 1 single");
  EXPECT_EQ(fitted({7}, {1, -1}, false), "[1,7] batch 1 single");
  EXPECT_EQ(fitted({1, 3, 7}, {3, -1}, false), "no");
}

TEST(DescribeShape, SaysWhatAPersonWouldSend) {
  EXPECT_EQ(describe_shape({-1, 28, 28}, true), "[28,28] for one item, or a list of such for a batch");
  EXPECT_EQ(describe_shape({-1}, true), "a single value for one item, or a list of such for a batch");
  EXPECT_EQ(describe_shape({3, -1}, false), "[3,-1]");
}

}  // namespace
}  // namespace saccade::protocol
