// Real models in the real library.
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "engine/openvino/element_types.h"
#include "engine/openvino/formats.h"
#include "engine/openvino/onnx_outline.h"
#include "engine/openvino/openvino_engine.h"

namespace saccade::engine::openvino {
namespace {

namespace fs = std::filesystem;
using tensor::DataType;
using tensor::Tensor;

const fs::path kSource = SACCADE_SOURCE_DIRECTORY;
const fs::path kExamples = kSource / "examples/repository";
const fs::path kDigits = kExamples / "digits/1/model.onnx";
const fs::path kMade = kSource / "test/models/formats";

class OpenVino : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = make_engine();
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = *std::move(engine);
  }
  std::unique_ptr<Session> open(const fs::path& file, const SessionOptions& options = {}) {
    auto session = engine_->open(file, options);
    EXPECT_TRUE(session) << (session ? "" : session.error().message);
    return session ? *std::move(session) : nullptr;
  }
  // What opening a file of this name with this content fails with, the file's name left out.
  std::string refusal(const char* name, std::string_view content) {
    std::string pattern = (fs::temp_directory_path() / "saccade-model-XXXXXX").string();
    const fs::path directory = mkdtemp(pattern.data());
    const fs::path file = directory / name;
    std::ofstream(file, std::ios::binary) << content;
    const auto session = engine_->open(file, {});
    fs::remove_all(directory);
    if (session) return "opened";
    EXPECT_EQ(session.error().code, base::Code::kInvalidArgument);
    EXPECT_TRUE(session.error().message.starts_with(file.string() + ": ")) << session.error().message;
    EXPECT_EQ(session.error().message.find('\n'), std::string::npos) << session.error().message;
    return session.error().message.substr(file.string().size() + 2);
  }

  std::unique_ptr<Engine> engine_;
};

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// An image with a stroke whose place depends on the number.
Tensor images(std::int64_t batch) {
  Tensor made(DataType::kFp32, {batch, 28, 28});
  auto pixels = made.as<float>();
  std::ranges::fill(pixels, 0.0F);
  for (std::int64_t item = 0; item < batch; ++item) {
    for (std::int64_t row = 4; row < 24; ++row) {
      pixels[static_cast<std::size_t>(item * 784 + row * 28 + 10 + item % 8)] = 255.0F;
    }
  }
  return made;
}

TEST_F(OpenVino, SaysWhatItIs) {
  EXPECT_EQ(engine_->name(), "openvino");
  EXPECT_TRUE(engine_->version().starts_with("2026.")) << engine_->version();
  EXPECT_EQ(engine_->version().find('-'), std::string::npos);
}

TEST_F(OpenVino, RunsTheDigitsInBatchesOfAnySize) {
  const auto session = open(kDigits);
  ASSERT_NE(session, nullptr);
  ASSERT_EQ(session->facts().inputs.size(), 1U);
  EXPECT_EQ(session->facts().inputs[0].name, "image");
  EXPECT_EQ(session->facts().inputs[0].shape, (tensor::Shape{-1, 28, 28}));
  EXPECT_EQ(session->facts().outputs[0].name, "probabilities");
  for (const std::int64_t batch : {1, 3, 64, 1, 2, 7}) {
    const Tensor made = images(batch);
    const tensor::TensorView views[] = {made.view()};
    const auto outputs = session->run(views);
    ASSERT_TRUE(outputs) << outputs.error().message;
    ASSERT_EQ((*outputs)->views[0].shape, (tensor::Shape{batch, 10}));
    // Each row is what its item gets alone.
    for (std::int64_t item = 0; item < batch; ++item) {
      const tensor::TensorView alone[] = {made.view().rows(item, 1)};
      const auto one = session->run(alone);
      ASSERT_TRUE(one);
      for (int digit = 0; digit < 10; ++digit) {
        EXPECT_NEAR((*outputs)->views[0].rows(item, 1).as<float>()[static_cast<std::size_t>(digit)],
                    (*one)->views[0].as<float>()[static_cast<std::size_t>(digit)], 1e-4F);
      }
    }
  }
}

TEST_F(OpenVino, AnAnswerIsNotTouchedByTheNextRun) {
  const auto session = open(kDigits);
  ASSERT_NE(session, nullptr);
  const Tensor made = images(2);
  const tensor::TensorView first[] = {made.view().rows(0, 1)};
  const tensor::TensorView second[] = {made.view().rows(1, 1)};
  const auto kept = session->run(first);
  ASSERT_TRUE(kept);
  const std::vector<float> before((*kept)->views[0].as<float>().begin(), (*kept)->views[0].as<float>().end());
  const auto other = session->run(second);
  ASSERT_TRUE(other);
  const std::vector<float> after((*kept)->views[0].as<float>().begin(), (*kept)->views[0].as<float>().end());
  EXPECT_EQ(before, after);
  EXPECT_FALSE(std::ranges::equal(after, (*other)->views[0].as<float>()));
}

TEST_F(OpenVino, ARunIsHandedToAThreadOfItsOwn) {
  const auto two = open(kDigits, {.threads = 2});
  ASSERT_NE(two, nullptr);
  EXPECT_FALSE(two->runs_on_caller());
  EXPECT_FALSE(open(kDigits)->runs_on_caller());
  const Tensor made = images(1);
  const tensor::TensorView views[] = {made.view()};
  EXPECT_TRUE(two->run(views));
}

TEST_F(OpenVino, SessionsRunBesideEachOther) {
  const Tensor made = images(4);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < 3; ++i) sessions.push_back(open(kDigits));
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const tensor::TensorView views[] = {made.view().rows(round % 4, 1)};
        const auto outputs = sessions[i]->run(views);
        ASSERT_TRUE(outputs) << outputs.error().message;
        const auto p = (*outputs)->views[0].as<float>();
        results[i].insert(results[i].end(), p.begin(), p.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_F(OpenVino, OutputsOutliveTheSession) {
  auto session = open(kDigits);
  ASSERT_NE(session, nullptr);
  const Tensor made = images(1);
  const tensor::TensorView views[] = {made.view()};
  const auto outputs = session->run(views);
  ASSERT_TRUE(outputs);
  session.reset();
  const auto p = (*outputs)->views[0].as<float>();
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0F), 1.0F, 1e-4F);
}

TEST_F(OpenVino, AWrongShapeIsTheRequestsFault) {
  const auto session = open(kDigits);
  ASSERT_NE(session, nullptr);
  Tensor small(DataType::kFp32, {1, 2});
  const tensor::TensorView views[] = {small.view()};
  const auto outputs = session->run(views);
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(outputs.error().message,
            "the model failed: input \"image\": got FP32 [1,2], the model takes FP32 [-1,28,28]");
  const Tensor good = images(1);
  const tensor::TensorView again[] = {good.view()};
  EXPECT_TRUE(session->run(again)) << "and it goes on";
}

TEST_F(OpenVino, SaysWhichOperatorsItLacks) {
  const auto session = engine_->open(kExamples / "sentiment/1/model.onnx", {});
  ASSERT_FALSE(session) << "texts are cut into words by operators that OpenVINO does not have";
  EXPECT_EQ(session.error().code, base::Code::kInvalidArgument);
  EXPECT_NE(session.error().message.find("StringSplit"), std::string::npos) << session.error().message;
  EXPECT_EQ(session.error().message.find('\n'), std::string::npos);
}

// The same model in every format (test/models/formats/make.py).
TEST_F(OpenVino, ReadsEveryFormat) {
  struct Case {
    const char* file;
    const char* platform;
    const char* input;
    const char* output;
  };
  for (const Case& format : {
           Case{"plane.onnx", "onnxruntime_onnx", "x", "probabilities"},
           Case{"plane.xml", "openvino_ir", "x", "probabilities"},
           Case{"plane.tflite", "tensorflow_tflite", "serving_default_x:0", "StatefulPartitionedCall:0"},
           Case{"plane.savedmodel", "tensorflow_savedmodel", "x", "probabilities"},
           Case{"plane.savedmodel/saved_model.pb", "tensorflow_savedmodel", "x", "probabilities"},
           Case{"plane.graphdef", "tensorflow_graphdef", "x:0", "Identity:0"},
           Case{"plane.pdmodel", "paddle_pdmodel", "x", "softmax_0.tmp_0"},
       }) {
    SCOPED_TRACE(format.file);
    EXPECT_TRUE(engine_->reads(kMade / format.file));
    EXPECT_EQ(engine_->platform(kMade / format.file), format.platform);
    const auto session = open(kMade / format.file);
    ASSERT_NE(session, nullptr);
    ASSERT_EQ(session->facts().inputs.size(), 1U);
    ASSERT_EQ(session->facts().outputs.size(), 1U);
    EXPECT_EQ(session->facts().inputs[0].name, format.input);
    EXPECT_EQ(session->facts().inputs[0].shape, (tensor::Shape{-1, 4}));
    EXPECT_EQ(session->facts().outputs[0].name, format.output);
    Tensor x(DataType::kFp32, {2, 4});
    std::iota(x.as<float>().begin(), x.as<float>().end(), -2.0F);
    const tensor::TensorView views[] = {x.view()};
    const auto outputs = session->run(views);
    ASSERT_TRUE(outputs) << outputs.error().message;
    ASSERT_EQ((*outputs)->views[0].shape, (tensor::Shape{2, 3}));
    for (std::size_t item = 0; item < 2; ++item) {
      std::array<float, 3> raised{};
      for (std::size_t column = 0; column < 3; ++column) {
        float sum = 0.1F - 0.1F * static_cast<float>(column);
        for (std::size_t row = 0; row < 4; ++row) {
          sum += x.as<float>()[item * 4 + row] * (static_cast<float>((row * 3 + column) % 5) - 2.0F) / 4.0F;
        }
        raised[column] = std::exp(sum);
      }
      const float total = raised[0] + raised[1] + raised[2];
      for (std::size_t column = 0; column < 3; ++column) {
        EXPECT_NEAR((*outputs)->views[0].as<float>()[item * 3 + column], raised[column] / total, 1e-5F);
      }
    }
  }
}

TEST_F(OpenVino, TellsTheMetadataOfAnOnnxFile) {
  const auto session = open(kMade / "plane.onnx");
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->facts().metadata, (std::map<std::string, std::string>{{"made by", "make.py"}}));
}

TEST_F(OpenVino, RefusesAStateBetweenRuns) {
  EXPECT_NE(
      refusal("model.xml", "<net><layers><layer type=\"ReadValue\"/></layers></net>").find("keeps a state"),
      std::string::npos);
}

TEST_F(OpenVino, SaysThatItHasNoGpu) {
  for (const Device device : {Device::kCuda, Device::kTensorRt}) {
    const auto session = engine_->open(kDigits, {.device = device});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, base::Code::kUnavailable);
  }
}

TEST_F(OpenVino, SaysThatAFileIsNotThere) {
  const auto session = engine_->open("/nowhere/model.xml", {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, base::Code::kNotFound);
  EXPECT_EQ(session.error().message, "/nowhere/model.xml: no such file");
  EXPECT_FALSE(engine_->open("/tmp", {})) << "nor is a directory";
}

TEST_F(OpenVino, SaysThatAFileIsNoModel) {
#if defined(__SANITIZE_ADDRESS__)
  // OpenVINO's readers leak eight bytes of their own when they refuse a file, and are gone from memory by the
  // time that the report is written, so that no suppression can name them.
  const __lsan::ScopedDisabler their_leak;
#endif
  for (const char* name :
       {"model.onnx", "model.xml", "model.tflite", "model.pb", "model.pdmodel", "saved_model.pb"}) {
    EXPECT_NE(refusal(name, ""), "opened") << name;
    EXPECT_NE(refusal(name, "this is no model").find("that OpenVINO can read"), std::string::npos) << name;
  }
  const std::string digits = content_of(kDigits);
  ASSERT_GT(digits.size(), 1000U);
  EXPECT_TRUE(refusal("model.onnx", std::string_view(digits).substr(0, digits.size() / 2))
                  .starts_with("is no ONNX model that OpenVINO can read: "));
}

TEST(Formats, AreToldByNames) {
  EXPECT_EQ(format_of("a/model.ONNX"), Format::kOnnx);
  EXPECT_EQ(format_of("model.xml"), Format::kIr);
  EXPECT_EQ(format_of("model.tflite"), Format::kTensorFlowLite);
  EXPECT_EQ(format_of("frozen.pb"), Format::kGraphDef);
  EXPECT_EQ(format_of("model.graphdef"), Format::kGraphDef);
  EXPECT_EQ(format_of("dir/saved_model.pb"), Format::kSavedModel);
  EXPECT_EQ(format_of("inference.pdmodel"), Format::kPaddle);
  EXPECT_FALSE(format_of("model.pt"));
  EXPECT_FALSE(format_of("model"));
  EXPECT_FALSE(format_of("/tmp"));
  EXPECT_EQ(to_open(Format::kSavedModel, "dir/saved_model.pb"), "dir");
  EXPECT_EQ(to_open(Format::kSavedModel, "saved_model.pb"), ".");
}

TEST(OnnxOutline, HasTheNamesInTheirOrder) {
  const auto outline = read_outline(kDigits);
  ASSERT_TRUE(outline);
  EXPECT_EQ(outline->inputs, std::vector<std::string>{"image"});
  EXPECT_EQ(outline->outputs, std::vector<std::string>{"probabilities"});
}

TEST(OnnxOutline, StopsAtWhatIsNoProtobuf) {
  EXPECT_FALSE(read_outline("/nowhere"));
  std::string pattern = (fs::temp_directory_path() / "saccade-outline-XXXXXX").string();
  const fs::path directory = mkdtemp(pattern.data());
  const std::string digits = content_of(kDigits);
  for (const std::size_t size : {std::size_t{5}, digits.size() / 3, digits.size() - 3}) {
    std::ofstream(directory / "cut.onnx", std::ios::binary) << digits.substr(0, size);
    EXPECT_FALSE(read_outline(directory / "cut.onnx")) << size;
  }
  // A length of 2^63 in the place of the graph's.
  std::ofstream(directory / "long.onnx", std::ios::binary) << "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  EXPECT_FALSE(read_outline(directory / "long.onnx"));
  fs::remove_all(directory);
}

TEST(ElementTypes, AreTheSameBothWays) {
  for (int i = 0; i < static_cast<int>(DataType::kBytes); ++i) {
    const auto type = static_cast<DataType>(i);
    ASSERT_TRUE(to_openvino(type));
    EXPECT_EQ(from_openvino(*to_openvino(type)), type);
  }
  EXPECT_FALSE(to_openvino(DataType::kBytes));
  EXPECT_FALSE(from_openvino(STRING));
  EXPECT_FALSE(from_openvino(DYNAMIC));
  EXPECT_FALSE(from_openvino(U4));
}

}  // namespace
}  // namespace saccade::engine::openvino
