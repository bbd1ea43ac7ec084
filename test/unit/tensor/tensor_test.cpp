#include "tensor/tensor.h"

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::tensor {
namespace {

TEST(Tensor, OwnsItsElements) {
  Tensor tensor(DataType::kInt32, {2, 3});
  EXPECT_EQ(tensor.byte_size(), 24U);
  std::iota(tensor.as<std::int32_t>().begin(), tensor.as<std::int32_t>().end(), 0);
  const TensorView view = tensor.view();
  EXPECT_EQ(view.byte_size(), 24U);
  EXPECT_EQ(view.as<std::int32_t>()[5], 5);
}

TEST(Tensor, TakesElementsThatAreThere) {
  auto data = std::make_unique<std::byte[]>(8);
  const std::byte* place = data.get();
  const Tensor tensor(DataType::kFp32, {2}, std::move(data));
  EXPECT_EQ(tensor.data(), place);
  EXPECT_EQ(tensor.byte_size(), 8U);
}

TEST(Tensor, HoldsTexts) {
  const Tensor empty(DataType::kBytes, {2});
  EXPECT_EQ(empty.strings(), (std::vector<std::string>{"", ""}));
  EXPECT_EQ(empty.byte_size(), 0U);
  const Tensor tensor({2, 1}, {"a", "b"});
  EXPECT_EQ(tensor.type(), DataType::kBytes);
  EXPECT_EQ(tensor.view().texts()[1], "b");
}

TEST(Tensor, ReshapesOverTheSameElements) {
  Tensor tensor(DataType::kFp32, {6});
  tensor.reshape({2, 3});
  EXPECT_EQ(tensor.view().shape, (Shape{2, 3}));
  EXPECT_EQ(tensor.view().as<float>().size(), 6U);
}

TEST(TensorView, GivesRows) {
  Tensor tensor(DataType::kInt16, {4, 2, 3});
  std::iota(tensor.as<std::int16_t>().begin(), tensor.as<std::int16_t>().end(), 0);
  const TensorView part = tensor.view().rows(1, 2);
  EXPECT_EQ(part.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(part.as<std::int16_t>().size(), 12U);
  EXPECT_EQ(part.as<std::int16_t>().front(), 6);
  EXPECT_EQ(part.as<std::int16_t>().back(), 17);
  EXPECT_EQ(part.rows(1, 1).as<std::int16_t>().front(), 12) << "of rows too";
}

TEST(TensorView, GivesRowsOfTextsAndOfScalars) {
  const Tensor texts({3}, {"a", "b", "c"});
  EXPECT_EQ(texts.view().rows(2, 1).texts()[0], "c");
  Tensor flags(DataType::kBool, {3});
  flags.as<bool>()[2] = true;
  EXPECT_TRUE(flags.view().rows(2, 1).as<bool>()[0]);
}

TEST(DataTypes, AreKnownByTheProtocolsNames) {
  for (int i = 0; i <= static_cast<int>(DataType::kBytes); ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(parse_data_type(data_type_name(type)), type);
  }
  EXPECT_EQ(data_type_name(DataType::kFp32), "FP32");
  EXPECT_EQ(element_size(DataType::kBf16), 2U);
  EXPECT_EQ(element_size(DataType::kBytes), 0U);
  EXPECT_FALSE(parse_data_type("fp32"));
  EXPECT_FALSE(parse_data_type(""));
}

}  // namespace
}  // namespace saccade::tensor
