// Which engine a model is opened with, where several could: engines made of functions, and nothing that
// depends on how long they take.
#include "model/open_model.h"

#include <algorithm>
#include <fstream>
#include <numeric>

#include <gtest/gtest.h>

#include "fake_engine.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

// p of the classifier is shifted by `shift`.
class NamedEngine final : public engine::Engine {
 public:
  explicit NamedEngine(std::string name, float shift = 0) : name_(std::move(name)), shift_(shift) {}
  std::string name() const override { return name_; }
  std::string version() const override { return version_said; }
  bool reads(const fs::path& model) const override {
    return extension.empty() || model.extension() == extension;
  }
  std::string platform(const fs::path&) const override { return name_ + "_onnx"; }
  base::Result<std::unique_ptr<engine::Session>> open(const fs::path& model,
                                                      const engine::SessionOptions& options) override {
    opened.push_back(options);
    if (options.device != engine::Device::kCpu && !has_gpu) {
      return base::fail(base::Code::kUnavailable, "no GPU here");
    }
    if (refuses) return base::invalid_argument(model.string() + ": " + name_ + " can't");
    return std::make_unique<FunctionSession>(classifier_facts(), [this](Inputs inputs) -> Outputs {
      ++runs;
      auto outputs = two_classes(inputs);
      for (float& value : (*outputs)[0].as<float>()) value += shift_;
      return outputs;
    });
  }

  std::string extension;
  std::string version_said = "1";
  bool refuses = false;
  bool has_gpu = false;
  std::vector<engine::SessionOptions> opened;
  std::atomic<int> runs = 0;

 private:
  const std::string name_;
  const float shift_;
};

class OpenModel : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "open-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    source_.name = source_.config.name = "m";
    source_.version = "1";
    source_.file = folder_ / "model.onnx";
    std::ofstream(source_.file) << "a model";
    options_.choices = std::make_shared<ChoiceMemory>(folder_ / "cache");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void configure(const std::string& text) {
    auto parsed = parse_config(text, "config.pbtxt");
    ASSERT_TRUE(parsed) << parsed.error().message;
    source_.config = parsed->config;
  }
  OpenedModel open() {
    auto opened = open_model(source_, engines_, options_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : OpenedModel{};
  }
  base::Error refusal() {
    auto opened = open_model(source_, engines_, options_);
    EXPECT_FALSE(opened);
    return opened ? base::Error{} : opened.error();
  }
  std::string with() {
    const OpenedModel opened = open();
    return opened.engine == nullptr ? "nothing" : opened.engine->name();
  }

  fs::path folder_;
  ModelSource source_;
  engine::EngineSet engines_;
  LoadOptions options_{.processors = 2, .loops = 2};
};

TEST_F(OpenModel, TheOnlyOneThatReadsTheFileIsNotMeasured) {
  auto& onnx = add_engine<NamedEngine>(engines_, "onnxruntime");
  auto& other = add_engine<NamedEngine>(engines_, "openvino");
  other.extension = ".xml";
  const OpenedModel opened = open();
  EXPECT_EQ(opened.engine, &onnx);
  EXPECT_TRUE(opened.figures.empty());
  EXPECT_EQ(other.opened.size(), 0U);
  EXPECT_FALSE(fs::exists(folder_ / "cache")) << "nothing was chosen";
}

TEST_F(OpenModel, OfTwoBothAreMeasuredAndTheChoiceIsRemembered) {
  auto& onnx = add_engine<NamedEngine>(engines_, "onnxruntime");
  auto& other = add_engine<NamedEngine>(engines_, "openvino");
  const OpenedModel first = open();
  ASSERT_EQ(first.figures.size(), 2U);
  EXPECT_EQ(first.figures[0].candidate.engine, "onnxruntime");
  EXPECT_EQ(first.figures[1].candidate.engine, "openvino");
  EXPECT_EQ(first.options.threads, 1);
  EXPECT_EQ(first.completed.signature->platform, "onnxruntime_onnx") << "the file's format, whoever runs it";

  const std::size_t opened = other.opened.size();
  const OpenedModel again = open();
  EXPECT_TRUE(again.figures.empty()) << "not measured again";
  EXPECT_EQ(again.engine, first.engine);
  EXPECT_LE(other.opened.size(), opened + 1);

  onnx.version_said = "2";
  EXPECT_EQ(open().figures.size(), 2U) << "another version may be faster";
  std::ofstream(source_.file) << "another model";
  EXPECT_EQ(open().figures.size(), 2U);
  options_.batching.schedule.objective.latency = std::chrono::milliseconds(5);
  EXPECT_EQ(open().figures.size(), 2U);
  options_.choices = nullptr;
  EXPECT_EQ(open().figures.size(), 2U);
  EXPECT_EQ(open().figures.size(), 2U) << "without a memory at every load";
}

TEST_F(OpenModel, AnEngineThatAnswersOtherwiseIsNotTaken) {
  add_engine<NamedEngine>(engines_, "onnxruntime");
  add_engine<NamedEngine>(engines_, "openvino", 0.01F);
  for (int load = 0; load < 2; ++load) {
    const OpenedModel opened = open();
    EXPECT_EQ(opened.engine->name(), "onnxruntime");
    ASSERT_EQ(opened.completed.warnings.size(), 1U) << "also where it is remembered";
    EXPECT_TRUE(opened.completed.warnings[0].starts_with(
        "model \"m\" version 1: openvino is not used, it answers otherwise than onnxruntime: output \"p\": "))
        << opened.completed.warnings[0];
  }
}

// What Triton's users have in every configuration leaves the choice open.
TEST_F(OpenModel, ABackendThatNamesTheFormatPinsNothing) {
  add_engine<NamedEngine>(engines_, "onnxruntime");
  add_engine<NamedEngine>(engines_, "openvino");
  configure("backend: \"onnxruntime\"");
  EXPECT_EQ(open().figures.size(), 2U);
  configure("platform: \"onnxruntime_onnx\"");
  options_.choices = nullptr;
  EXPECT_EQ(open().figures.size(), 2U);
  configure(R"(backend: "onnxruntime" parameters { key: "engine" value { string_value: "onnxruntime" } })");
  EXPECT_TRUE(open().figures.empty());
}

// An engine of its own: one sum for each row, but nothing for rows as short as nobody sends.
class Summing final : public engine::Engine {
 public:
  explicit Summing(std::string name, std::int64_t least) : name_(std::move(name)), least_(least) {}
  std::string name() const override { return name_; }
  std::string version() const override { return "1"; }
  bool reads(const fs::path&) const override { return true; }
  std::string platform(const fs::path&) const override { return "onnxruntime_onnx"; }
  base::Result<std::unique_ptr<engine::Session>> open(const fs::path&,
                                                      const engine::SessionOptions&) override {
    engine::ModelFacts facts;
    facts.inputs = {{"x", tensor::DataType::kFp32, {-1, -1}, {}}};
    facts.outputs = {{"sum", tensor::DataType::kFp32, {-1, -1}, {}}};
    return std::make_unique<FunctionSession>(facts, [least = least_](Inputs inputs) -> Outputs {
      const std::int64_t rows = inputs[0].shape[0];
      const std::int64_t width = inputs[0].shape[1];
      if (width < least) return one_output(floats({rows, 0}, {}));
      std::vector<float> sums;
      for (std::int64_t row = 0; row < rows; ++row) {
        const auto values = inputs[0].as<float>().subspan(static_cast<std::size_t>(row * width),
                                                          static_cast<std::size_t>(width));
        sums.push_back(std::accumulate(values.begin(), values.end(), 0.0F));
      }
      return one_output(floats({rows, 1}, sums));
    });
  }

 private:
  const std::string name_;
  const std::int64_t least_;
};

TEST_F(OpenModel, OutputsAreComparedAtASizeThatRequestsHave) {
  add_engine<Summing>(engines_, "onnxruntime", 0);
  add_engine<Summing>(engines_, "openvino", 8);
  const OpenedModel opened = open();
  EXPECT_EQ(opened.completed.warnings, std::vector<std::string>{});
  EXPECT_TRUE(std::ranges::any_of(opened.figures, [](const CandidateFigures& figures) {
    return figures.candidate.engine == "openvino";
  })) << "it agrees";
}

TEST_F(OpenModel, WhatOneEngineCanNotOpenAnotherMay) {
  auto& onnx = add_engine<NamedEngine>(engines_, "onnxruntime");
  auto& other = add_engine<NamedEngine>(engines_, "openvino");
  onnx.refuses = true;
  const OpenedModel opened = open();
  EXPECT_EQ(opened.engine, &other);
  ASSERT_EQ(opened.completed.warnings.size(), 1U);
  EXPECT_NE(opened.completed.warnings[0].find("onnxruntime does not take it: "), std::string::npos);
  other.refuses = true;
  EXPECT_EQ(refusal().message, source_.file.string() + ": onnxruntime can't") << "the reference has the word";
  onnx.refuses = false;
  EXPECT_EQ(with(), "onnxruntime");
}

TEST_F(OpenModel, AnEngineCanBeNamed) {
  add_engine<NamedEngine>(engines_, "onnxruntime");
  auto& other = add_engine<NamedEngine>(engines_, "openvino", 0.01F);
  options_.engine = "openvino";
  EXPECT_EQ(with(), "openvino");
  configure("backend: \"onnxruntime\"");
  EXPECT_EQ(with(), "openvino") << "that names the format";
  configure(R"(parameters { key: "engine" value { string_value: "onnxruntime" } })");
  EXPECT_EQ(with(), "onnxruntime") << "the model's configuration goes before";
  configure(R"(backend: "onnxruntime" parameters { key: "engine" value { string_value: "openvino" } })");
  EXPECT_EQ(with(), "openvino");
  options_.engine = "onnxruntime";
  configure("backend: \"openvino\"");
  EXPECT_EQ(with(), "openvino") << "nobody names it but for itself";
  options_.engine = "openvino";
  configure(R"(parameters { key: "engine" value { string_value: "auto" } })");
  EXPECT_EQ(with(), "onnxruntime") << "as the outputs don't agree";
  configure(R"(parameters { key: "engine" value { string_value: "caffe" } })");
  EXPECT_EQ(refusal().message,
            "model \"m\" version 1: there is no engine \"caffe\"; there is: onnxruntime, openvino");
  configure("");
  other.extension = ".xml";
  EXPECT_EQ(refusal().message, "model \"m\" version 1: the engine openvino does not read model.onnx");
}

TEST_F(OpenModel, AMissingEngineIsMissedByTheModelThatNeedsIt) {
  add_engine<NamedEngine>(engines_, "onnxruntime");
  engines_.add_missing("openvino", {base::Code::kUnavailable, "OpenVINO was not found in /lib"});
  EXPECT_EQ(with(), "onnxruntime");
  options_.engine = "openvino";
  EXPECT_EQ(refusal().code, base::Code::kUnavailable);
  EXPECT_EQ(refusal().message, "model \"m\" version 1: OpenVINO was not found in /lib");
}

TEST_F(OpenModel, ADeviceThatIsNotThereIsAnErrorOrTheCpu) {
  auto& onnx = add_engine<NamedEngine>(engines_, "onnxruntime");
  const std::string cuda = R"(parameters { key: "device" value { string_value: "cuda" } }
                              parameters { key: "device_id" value { string_value: "3" } })";
  configure(cuda);
  EXPECT_EQ(refusal().code, base::Code::kUnavailable);
  EXPECT_EQ(
      refusal().message,
      "model \"m\" version 1: device cuda: no GPU here; the parameter device_fallback \"cpu\" serves it on "
      "the CPU then");
  EXPECT_EQ(onnx.opened.back().device, engine::Device::kCuda);
  EXPECT_EQ(onnx.opened.back().device_id, 3);
  configure(cuda + R"(parameters { key: "device_fallback" value { string_value: "cpu" } })");
  const OpenedModel opened = open();
  EXPECT_EQ(opened.options.device, engine::Device::kCpu);
  ASSERT_EQ(opened.completed.warnings.size(), 1U);
  EXPECT_EQ(opened.completed.warnings[0],
            "model \"m\" version 1: device cuda: no GPU here; it runs on the CPU");
  configure("instance_group { kind: KIND_GPU gpus: [ 1 ] }");
  EXPECT_EQ(open().options.device, engine::Device::kCpu) << "a group's wish falls back by itself";
  onnx.has_gpu = true;
  EXPECT_EQ(open().options.device, engine::Device::kCuda);
  EXPECT_EQ(open().options.device_id, 1);
  configure(R"(parameters { key: "device" value { string_value: "tpu" } })");
  EXPECT_EQ(
      refusal().message,
      "model \"m\" version 1: parameter device is \"tpu\"; it may be \"cpu\", \"cuda\" or \"tensorrt\"");
  configure(R"(parameters { key: "device_fallback" value { string_value: "gpu" } })");
  EXPECT_EQ(
      refusal().message,
      "model \"m\" version 1: parameter device_fallback is \"gpu\"; it may be \"cpu\", or \"none\" to serve "
      "on the device or not at all");
}

TEST_F(OpenModel, TheThreadsOfALoneRequestCanBeSaid) {
  add_engine<NamedEngine>(engines_, "onnxruntime");
  const auto lone = [&](const std::string& count, const std::string& others = "1") {
    configure(R"(parameters { key: "intra_op_thread_count" value { string_value: ")" + others +
              R"(" } } parameters { key: "lone_thread_count" value { string_value: ")" + count + R"(" } })");
    return open().lone_threads;
  };
  EXPECT_EQ(lone("2"), 2);
  EXPECT_EQ(lone("0"), 2) << "all processors";
  EXPECT_EQ(lone("1"), 1);
  EXPECT_EQ(lone("1", "2"), 2) << "as all others: never fewer";
  configure(R"(parameters { key: "intra_op_thread_count" value { string_value: "2" } })");
  EXPECT_EQ(open().lone_threads, 2);
  configure(R"(parameters { key: "lone_thread_count" value { string_value: "all" } })");
  EXPECT_EQ(
      refusal().message,
      "model \"m\" version 1: parameter lone_thread_count is \"all\"; it must be a whole number from 0 to "
      "1024");
}

TEST_F(OpenModel, InstancesAndThreadsFitTheProcessors) {
  schedule::BatchPolicy policy;
  EXPECT_EQ(instances_for(source_, policy, 1, 8), 8U);
  EXPECT_EQ(instances_for(source_, policy, 2, 8), 4U);
  EXPECT_EQ(instances_for(source_, policy, 3, 8), 2U);
  EXPECT_EQ(instances_for(source_, policy, 16, 8), 1U);
  policy.max_instances = 3;
  EXPECT_EQ(instances_for(source_, policy, 1, 8), 3U);
  source_.config.instance_count = 5;
  EXPECT_EQ(instances_for(source_, policy, 2, 8), 5U) << "unless somebody says otherwise";
}

}  // namespace
}  // namespace saccade::model
