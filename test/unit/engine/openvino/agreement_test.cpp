// Both engines on the same files: what is said of them and what comes out must agree. Models that tests fetch
// (test/models/fetch) are passed over where they are not there.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/onnxruntime/onnxruntime_engine.h"
#include "engine/openvino/openvino_engine.h"

namespace saccade::engine {
namespace {

namespace fs = std::filesystem;
using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

const fs::path kSource = SACCADE_SOURCE_DIRECTORY;

struct Case {
  const char* name;
  fs::path file;
  std::vector<Shape> shapes;  // of the one input
  double tolerance;           // of the largest value
};

// So that a failure does not print a Case byte by byte.
void PrintTo(const Case& model, std::ostream* out) {
  *out << model.name;
}

// Repeatable. Images are light with dark strokes in lines, so that a finder of texts finds some; other floats
// and bytes are noise.
Tensor made_up(DataType type, const Shape& shape) {
  Tensor tensor(type, shape);
  std::uint32_t state = 12'345;
  const auto next = [&] { return (state = state * 1'664'525U + 1'013'904'223U) >> 24U; };
  if (type == DataType::kFp32) {
    for (float& value : tensor.as<float>()) value = static_cast<float>(next()) / 256.0F;
    if (shape.rank() == 4) {
      const auto height = static_cast<std::size_t>(shape[2]);
      const auto width = static_cast<std::size_t>(shape[3]);
      const auto pixels = tensor.as<float>();
      for (std::size_t at = 0; at < pixels.size(); ++at) {
        const std::size_t row = at / width % height;
        const std::size_t column = at % width;
        const bool dark = row % 32 >= 8 && row % 32 < 24 && column > 8 && column + 8 < width &&
                          (column % 6 < 2 || (row % 8 < 2 && column % 12 < 8));
        pixels[at] = (dark ? -1.5F : 1.5F) + pixels[at] / 10.0F;
      }
    }
  } else if (type == DataType::kInt32) {
    for (std::int32_t& value : tensor.as<std::int32_t>()) value = static_cast<std::int32_t>(next());
  } else {
    ADD_FAILURE() << "no input of type " << tensor::data_type_name(type) << " is made here";
  }
  return tensor;
}

class Agreement : public testing::TestWithParam<Case> {};

TEST_P(Agreement, OfBothEngines) {
  const Case& model = GetParam();
  if (!fs::exists(model.file)) GTEST_SKIP() << model.file << " is not there: test/models/fetch";
  const auto onnxruntime = onnxruntime::make_engine();
  const auto openvino = openvino::make_engine();
  ASSERT_TRUE(onnxruntime) << onnxruntime.error().message;
  ASSERT_TRUE(openvino) << openvino.error().message;
  const auto reference = (*onnxruntime)->open(model.file, {});
  const auto other = (*openvino)->open(model.file, {});
  ASSERT_TRUE(reference) << reference.error().message;
  ASSERT_TRUE(other) << other.error().message;

  const ModelFacts& expected = (*reference)->facts();
  const ModelFacts& facts = (*other)->facts();
  ASSERT_EQ(facts.inputs.size(), expected.inputs.size());
  ASSERT_EQ(facts.outputs.size(), expected.outputs.size());
  EXPECT_EQ(facts.metadata, expected.metadata);
  for (std::size_t i = 0; i < facts.inputs.size(); ++i) {
    EXPECT_EQ(facts.inputs[i].name, expected.inputs[i].name);
    EXPECT_EQ(facts.inputs[i].type, expected.inputs[i].type);
    EXPECT_EQ(facts.inputs[i].shape, expected.inputs[i].shape);
  }
  for (std::size_t i = 0; i < facts.outputs.size(); ++i) {
    EXPECT_EQ(facts.outputs[i].name, expected.outputs[i].name);
    EXPECT_EQ(facts.outputs[i].type, expected.outputs[i].type);
  }

  for (const Shape& shape : model.shapes) {
    SCOPED_TRACE(shape.text());
    const Tensor input = made_up(expected.inputs[0].type, shape);
    const tensor::TensorView views[] = {input.view()};
    const auto right = (*reference)->run(views);
    const auto got = (*other)->run(views);
    ASSERT_TRUE(right) << right.error().message;
    ASSERT_TRUE(got) << got.error().message;
    for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
      ASSERT_EQ((*got)->views[i].shape, (*right)->views[i].shape);
      ASSERT_EQ((*got)->views[i].type, DataType::kFp32);
      const auto ours = (*got)->views[i].as<float>();
      const auto theirs = (*right)->views[i].as<float>();
      float largest = 0;
      float apart = 0;
      for (std::size_t at = 0; at < ours.size(); ++at) {
        largest = std::max(largest, std::abs(theirs[at]));
        apart = std::max(apart, std::abs(ours[at] - theirs[at]));
      }
      EXPECT_GT(largest, 1e-3F) << "the input says nothing to this model";
      EXPECT_LE(apart, largest * static_cast<float>(model.tolerance));
    }
  }
}

const fs::path kFetched = kSource / ".deps/models";

INSTANTIATE_TEST_SUITE_P(
    Models, Agreement,
    testing::Values(Case{"digits",
                         kSource / "examples/repository/digits/1/model.onnx",
                         {{1, 28, 28}, {16, 28, 28}},
                         1e-4},
                    Case{"magika", kFetched / "magika.onnx", {{1, 2048}, {3, 2048}}, 1e-3},
                    Case{"nudenet", kFetched / "nudenet.onnx", {{1, 3, 320, 320}, {2, 3, 320, 320}}, 1e-3},
                    Case{"ocr_cls", kFetched / "ocr_cls.onnx", {{1, 3, 48, 192}, {4, 3, 48, 192}}, 1e-3},
                    Case{"ocr_det", kFetched / "ocr_det.onnx", {{1, 3, 96, 128}, {1, 3, 64, 64}}, 1e-3},
                    Case{"ocr_rec", kFetched / "ocr_rec.onnx", {{1, 3, 48, 160}, {2, 3, 48, 96}}, 1e-3}),
    [](const auto& model) { return std::string(model.param.name); });

// What OpenVINO can't read must say so, and not fail later: texts, and branches of unknown shapes.
TEST(Agreement, EndsWhereOpenVinoLacksOperators) {
  const auto openvino = openvino::make_engine();
  ASSERT_TRUE(openvino) << openvino.error().message;
  const fs::path file = kFetched / "silero_vad.onnx";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there: test/models/fetch";
  const auto session = (*openvino)->open(file, {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, base::Code::kInvalidArgument);
  EXPECT_NE(session.error().message.find("is no ONNX model that OpenVINO can read"), std::string::npos);
}

}  // namespace
}  // namespace saccade::engine
