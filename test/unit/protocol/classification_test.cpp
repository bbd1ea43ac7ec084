#include "protocol/classification.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

namespace saccade::protocol {
namespace {

using tensor::DataType;
using tensor::Shape;
using Strings = std::vector<std::string>;

template <typename T>
tensor::Tensor of(DataType type, const Shape& shape, const std::vector<T>& values) {
  tensor::Tensor tensor(type, shape);
  if (!values.empty()) std::memcpy(tensor.data(), values.data(), tensor.byte_size());
  return tensor;
}

TEST(Classification, HighestFirstWithLabels) {
  const auto scores = of<float>(DataType::kFp32, {2, 3}, {0.25F, 0.5F, 0.125F, 1, 2, 3});
  const auto classes = classify(scores.view(), 2, {"cat", "dog"}, true);
  EXPECT_EQ(classes.shape(), (Shape{2, 2}));
  EXPECT_EQ(classes.strings(), (Strings{"0.500000:1:dog", "0.250000:0:cat", "3.000000:2", "2.000000:1:dog"}));
}

TEST(Classification, WithoutBatchesAllPlacesAreOneList) {
  const auto scores = of<std::int32_t>(DataType::kInt32, {2, 2}, {3, 1, 2, 2});
  const auto classes = classify(scores.view(), 3, {}, false);
  EXPECT_EQ(classes.shape(), (Shape{3}));
  EXPECT_EQ(classes.strings(), (Strings{"3:0", "2:2", "2:3"}));
}

TEST(Classification, NoMoreThanThereAre) {
  const auto scores = of<std::int8_t>(DataType::kInt8, {1, 2}, {-128, 127});
  const auto classes = classify(scores.view(), 2'000'000'000, {}, true);
  EXPECT_EQ(classes.shape(), (Shape{1, 2}));
  EXPECT_EQ(classes.strings(), (Strings{"127:1", "-128:0"}));
  EXPECT_EQ(classify(of<float>(DataType::kFp32, {1, 0}, {}).view(), 2, {}, true).shape(), (Shape{1, 0}));
}

TEST(Classification, NotANumberComesLast) {
  const auto scores = of<double>(DataType::kFp64, {4}, {NAN, 1, NAN, -INFINITY});
  const auto classes = classify(scores.view(), 4, {}, false);
  EXPECT_EQ(classes.strings()[0], "1.000000:1");
  EXPECT_EQ(classes.strings()[1], "-inf:3");
  EXPECT_TRUE(classes.strings()[2].ends_with("nan:0"));
  EXPECT_TRUE(classes.strings()[3].ends_with("nan:2"));
}

TEST(Classification, EveryTypeOfNumber) {
  EXPECT_EQ(classify(of<std::uint64_t>(DataType::kUint64, {2}, {1, ~std::uint64_t{0}}).view(), 1, {}, false)
                .strings(),
            (Strings{"18446744073709551615:1"}));
  EXPECT_EQ(classify(of<std::uint8_t>(DataType::kUint8, {2}, {9, 255}).view(), 1, {}, false).strings(),
            (Strings{"255:1"}));
  EXPECT_EQ(classify(of<std::uint16_t>(DataType::kUint16, {1}, {9}).view(), 1, {}, false).strings(),
            (Strings{"9:0"}));
  EXPECT_EQ(classify(of<std::uint32_t>(DataType::kUint32, {1}, {9}).view(), 1, {}, false).strings(),
            (Strings{"9:0"}));
  EXPECT_EQ(classify(of<std::int16_t>(DataType::kInt16, {1}, {-9}).view(), 1, {}, false).strings(),
            (Strings{"-9:0"}));
  EXPECT_EQ(classify(of<std::int64_t>(DataType::kInt64, {1}, {-9}).view(), 1, {}, false).strings(),
            (Strings{"-9:0"}));
}

}  // namespace
}  // namespace saccade::protocol
