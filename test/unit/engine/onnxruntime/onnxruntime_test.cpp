// Real models in the real library.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "engine/onnxruntime/devices.h"
#include "engine/onnxruntime/element_types.h"
#include "engine/onnxruntime/onnxruntime_engine.h"

namespace saccade::engine::onnxruntime {
namespace {

namespace fs = std::filesystem;
using tensor::DataType;
using tensor::Tensor;

const fs::path kExamples = fs::path(SACCADE_SOURCE_DIRECTORY) / "examples/repository";

class OnnxRuntime : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = make_engine();
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = *std::move(engine);
  }
  std::unique_ptr<Session> open(const fs::path& file) {
    auto session = engine_->open(file, {});
    EXPECT_TRUE(session) << (session ? "" : session.error().message);
    return session ? *std::move(session) : nullptr;
  }
  // What opening a file with this content fails with, the file's name left out.
  std::string refusal(std::string_view content) {
    std::string pattern = (fs::temp_directory_path() / "saccade-model-XXXXXX").string();
    const fs::path directory = mkdtemp(pattern.data());
    const fs::path file = directory / "model.onnx";
    std::ofstream(file, std::ios::binary) << content;
    const auto session = engine_->open(file, {});
    fs::remove_all(directory);
    if (session) return "opened";
    EXPECT_EQ(session.error().code, base::Code::kInvalidArgument);
    EXPECT_TRUE(session.error().message.starts_with(file.string() + ": ")) << session.error().message;
    return session.error().message.substr(file.string().size() + 2);
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(OnnxRuntime, SaysWhatItIs) {
  EXPECT_EQ(engine_->name(), "onnxruntime");
  EXPECT_TRUE(engine_->version().starts_with("1."));
}

TEST_F(OnnxRuntime, RunsTheDigits) {
  const auto session = open(kExamples / "digits/1/model.onnx");
  ASSERT_NE(session, nullptr);
  ASSERT_EQ(session->facts().inputs.size(), 1U);
  EXPECT_EQ(session->facts().inputs[0].type, DataType::kFp32);
  ASSERT_LT(session->facts().inputs[0].shape[0], 0) << "the batch is free";
  for (const std::int64_t batch : {1, 3}) {
    Tensor images(DataType::kFp32, session->facts().inputs[0].shape.without_first().with_first(batch));
    std::ranges::fill(images.as<float>(), 0.0F);
    const tensor::TensorView views[] = {images.view()};
    const auto outputs = session->run(views);
    ASSERT_TRUE(outputs) << outputs.error().message;
    EXPECT_EQ((*outputs)->views[0].shape, (tensor::Shape{batch, 10}));
    const auto p = (*outputs)->views[0].as<float>().first(10);
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0F), 1.0F, 1e-4F);
  }
}

TEST_F(OnnxRuntime, TakesTextsAsTheyAre) {
  const auto session = open(kExamples / "sentiment/1/model.onnx");
  ASSERT_NE(session, nullptr);
  const auto& input = session->facts().inputs[0];
  EXPECT_EQ(input.type, DataType::kBytes);
  const Tensor texts(input.shape.without_first().with_first(3),
                     {"a wonderful film", "", "dull, dull, dull — naïve"});
  const tensor::TensorView views[] = {texts.view()};
  const auto outputs = session->run(views);
  ASSERT_TRUE(outputs) << outputs.error().message;
  for (const auto& view : (*outputs)->views) EXPECT_EQ(view.shape[0], 3);
}

TEST_F(OnnxRuntime, AWrongShapeIsTheRequestsFault) {
  const auto session = open(kExamples / "digits/1/model.onnx");
  ASSERT_NE(session, nullptr);
  Tensor small(DataType::kFp32, {1, 2});
  std::ranges::fill(small.as<float>(), 0.0F);
  const tensor::TensorView views[] = {small.view()};
  const auto outputs = session->run(views);
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, base::Code::kInvalidArgument);
  EXPECT_TRUE(outputs.error().message.starts_with("the model failed: "));
}

TEST_F(OnnxRuntime, OutputsOutliveTheSession) {
  auto session = open(kExamples / "digits/1/model.onnx");
  ASSERT_NE(session, nullptr);
  Tensor image(DataType::kFp32, session->facts().inputs[0].shape.without_first().with_first(1));
  std::ranges::fill(image.as<float>(), 0.0F);
  const tensor::TensorView views[] = {image.view()};
  const auto outputs = session->run(views);
  ASSERT_TRUE(outputs);
  session.reset();
  EXPECT_LE((*outputs)->views[0].as<float>()[0], 1.0F);
}

TEST_F(OnnxRuntime, SharedSessionsRunBesideEachOther) {
  auto first = open(kExamples / "digits/1/model.onnx");
  ASSERT_NE(first, nullptr);
  Tensor images(DataType::kFp32, {4, 28, 28});
  std::iota(images.as<float>().begin(), images.as<float>().end(), 0.0F);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < 3; ++i) {
    sessions.push_back(first->share());
    ASSERT_NE(sessions.back(), nullptr);
    EXPECT_EQ(sessions.back()->facts().inputs[0].name, first->facts().inputs[0].name);
    EXPECT_EQ(sessions.back()->runs_on_caller(), first->runs_on_caller());
  }
  first.reset();  // they need it no more
  std::vector<std::vector<float>> results(sessions.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const tensor::TensorView views[] = {images.view().rows(round % 4, 1)};
        const auto outputs = sessions[i]->run(views);
        ASSERT_TRUE(outputs) << outputs.error().message;
        const auto p = (*outputs)->views[0].as<float>();
        results[i].insert(results[i].end(), p.begin(), p.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(results[0].size(), 500U);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_F(OnnxRuntime, SaysWhatADeviceWouldNeed) {
  for (const Device device : {Device::kCuda, Device::kTensorRt}) {
    const auto session = engine_->open(kExamples / "digits/1/model.onnx", {.device = device});
    if (session) GTEST_SKIP() << "this machine has one";
    EXPECT_EQ(session.error().code, base::Code::kUnavailable);
    EXPECT_NE(session.error().message.find(device_name(device)), std::string::npos);
    if (const auto providers = Ort::GetAvailableProviders();
        std::ranges::find(providers, "CUDAExecutionProvider") == providers.end()) {
      EXPECT_NE(session.error().message.find("SACCADE_ONNXRUNTIME"), std::string::npos);
      EXPECT_NE(session.error().message.find("CPUExecutionProvider"), std::string::npos);
    }
  }
}

TEST_F(OnnxRuntime, SaysThatAFileIsNotThere) {
  const auto session = engine_->open("/nowhere/model.onnx", {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, base::Code::kNotFound);
  EXPECT_EQ(session.error().message, "/nowhere/model.onnx: no such file");
  EXPECT_FALSE(engine_->open("/tmp", {})) << "nor is a directory";
}

TEST_F(OnnxRuntime, SaysThatAFileIsNoModel) {
  EXPECT_NE(refusal(""), "opened");
  EXPECT_TRUE(refusal("this is no model").starts_with("is not an ONNX model, or is cut short: "));
  std::ifstream whole(kExamples / "digits/1/model.onnx", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(whole)), std::istreambuf_iterator<char>());
  ASSERT_GT(bytes.size(), 1000U);
  EXPECT_TRUE(
      refusal(bytes.substr(0, bytes.size() / 2)).starts_with("is not an ONNX model, or is cut short: "));
}

TEST(ElementTypes, AreTheSameBothWays) {
  for (int i = 0; i <= static_cast<int>(DataType::kBytes); ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(from_onnx(to_onnx(type)), type);
  }
  EXPECT_FALSE(from_onnx(ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64));
  EXPECT_FALSE(from_onnx(ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED));
}

}  // namespace
}  // namespace saccade::engine::onnxruntime
