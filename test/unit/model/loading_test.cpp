// From a configuration to opened, warmed-up sessions and the configuration that is shown.
#include <fstream>

#include <gtest/gtest.h>

#include "fake_engine.h"
#include "model/loaded_model.h"
#include "model/session_settings.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

// Remembers how it was asked to open, and what each session was run with.
class RecordingEngine final : public engine::Engine {
 public:
  std::string name() const override { return "onnxruntime"; }
  bool reads(const std::filesystem::path&) const override { return true; }
  std::string platform(const std::filesystem::path&) const override { return name() + "_onnx"; }
  std::string version() const override { return "1"; }
  base::Result<std::unique_ptr<engine::Session>> open(const fs::path&,
                                                      const engine::SessionOptions& options) override {
    opened.push_back(options);
    return std::make_unique<FunctionSession>(classifier_facts(), [this](Inputs inputs) -> Outputs {
      const auto x = inputs[0].as<float>();
      runs.emplace_back(x.begin(), x.end());
      if (x[0] == kRefused) return base::invalid_argument("no such value");
      return two_classes(inputs);
    });
  }
  static constexpr float kRefused = 77;
  std::vector<engine::SessionOptions> opened;
  std::vector<std::vector<float>> runs;
};

class Loading : public testing::Test {
 protected:
  base::Result<std::unique_ptr<LoadedModel>> load(const std::string& config) {
    auto parsed = parse_config(config, "config.pbtxt");
    if (!parsed) return std::unexpected(parsed.error());
    source_.config = parsed->config;
    source_.name = source_.config.name = "m";
    source_.version = "1";
    source_.directory = fs::path(testing::TempDir()) / "loading";
    fs::create_directories(source_.directory / "warmup");
    return LoadedModel::load(source_, engines_, registry_, options_);
  }
  std::string refusal(const std::string& config) {
    const auto loaded = load(config);
    return loaded ? "taken" : loaded.error().message;
  }
  // Runs whose first element is this.
  std::ptrdiff_t runs_of(float first, std::size_t size) const {
    return std::ranges::count_if(engine_.runs,
                                 [&](const auto& run) { return run.size() == size && run.front() == first; });
  }

  ModelSource source_;
  engine::EngineSet engines_;
  RecordingEngine& engine_ = add_engine<RecordingEngine>(engines_);
  observe::Registry registry_;
  LoadOptions options_{.processors = 3, .loops = 2};
};

std::string warm_up(const std::string& data, const std::string& more = "") {
  return R"(max_batch_size: 4 instance_group { count: 3 }
      model_warmup { name: "w" )" +
         more + R"( inputs { key: "x" value { data_type: TYPE_FP32 dims: 3 )" + data + " } } }";
}

TEST_F(Loading, WarmsUpEachInstance) {
  ASSERT_TRUE(load(warm_up("zero_data: true", "batch_size: 2 count: 5")));
  EXPECT_EQ(runs_of(0, 6), 15) << "three instances, five times, two rows of three";
}

TEST_F(Loading, WarmsUpWithAFile) {
  const std::vector<float> item{0.25F, 2, 3};
  fs::create_directories(fs::path(testing::TempDir()) / "loading/warmup");
  std::ofstream(fs::path(testing::TempDir()) / "loading/warmup/item", std::ios::binary)
      .write(reinterpret_cast<const char*>(item.data()), 12);
  ASSERT_TRUE(load(warm_up("input_data_file: \"item\"", "batch_size: 2")));
  EXPECT_EQ(runs_of(0.25F, 6), 3);
  EXPECT_EQ(std::ranges::count(engine_.runs, std::vector<float>{0.25F, 2, 3, 0.25F, 2, 3}), 3);
}

TEST_F(Loading, EveryInstanceHasRunOnceAtLeast) {
  ASSERT_TRUE(load("instance_group { count: 3 }"));
  const auto first_sample = engine_.runs.front();
  EXPECT_GE(std::ranges::count(engine_.runs, first_sample), 3);
}

TEST_F(Loading, RefusesAWarmUpThatCanNotBe) {
  EXPECT_EQ(refusal(warm_up("zero_data: true", "batch_size: 5")),
            "model \"m\" version 1: model_warmup \"w\": batch_size is 5, the model's max_batch_size is 4");
  EXPECT_EQ(refusal(warm_up("")),
            "model \"m\" version 1: model_warmup \"w\": input \"x\" needs one of zero_data, random_data and "
            "input_data_file");
  EXPECT_EQ(refusal(R"(model_warmup { name: "w" })"),
            "model \"m\" version 1: model_warmup \"w\": nothing is said of the model's input \"x\"");
  EXPECT_EQ(refusal(R"(model_warmup { name: "w" inputs { key: "z" value { zero_data: true } } })"),
            "model \"m\" version 1: model_warmup \"w\": the model has no input \"z\"");
  EXPECT_EQ(refusal(R"(model_warmup { name: "w" inputs { key: "x"
                value { data_type: TYPE_FP32 dims: 4 zero_data: true } } })"),
            "model \"m\" version 1: model_warmup \"w\": input \"x\" has the dims [4], the model takes [3]");
  EXPECT_EQ(
      refusal(R"(model_warmup { name: "w" inputs { key: "x"
                value { data_type: TYPE_INT8 dims: 3 zero_data: true } } })"),
      "model \"m\" version 1: model_warmup \"w\": input \"x\" has the data_type TYPE_INT8, the model takes "
      "TYPE_FP32");
  EXPECT_NE(refusal(warm_up("input_data_file: \"/etc/passwd\"")).find("must lie in the model's directory"),
            std::string::npos);
}

TEST_F(Loading, AWarmUpThatTheModelRefusesFailsTheLoad) {
  const std::vector<float> item{RecordingEngine::kRefused, 2, 3};
  fs::create_directories(fs::path(testing::TempDir()) / "loading/warmup");
  std::ofstream(fs::path(testing::TempDir()) / "loading/warmup/refused", std::ios::binary)
      .write(reinterpret_cast<const char*>(item.data()), 12);
  EXPECT_EQ(refusal(warm_up("input_data_file: \"refused\"")),
            "model \"m\" version 1: model_warmup \"w\": no such value");
}

TEST_F(Loading, OneMoreSessionIsForALoneRequest) {
  const auto parameter = [](const char* name, int value) {
    return std::string("parameters { key: \"") + name + "\" value { string_value: \"" +
           std::to_string(value) + "\" } } ";
  };
  const std::string said = "instance_group { count: 1 } " + parameter("intra_op_thread_count", 1);
  ASSERT_TRUE(load(said));
  EXPECT_EQ(engine_.opened.size(), 1U);
  const std::size_t runs = engine_.runs.size();
  engine_.opened.clear();
  engine_.runs.clear();
  const auto loaded = load(said + parameter("lone_thread_count", 2));
  ASSERT_TRUE(loaded);
  ASSERT_EQ(engine_.opened.size(), 2U);
  EXPECT_EQ(engine_.opened[0].threads, 1);
  EXPECT_EQ(engine_.opened[0].nice, 0);
  EXPECT_EQ(engine_.opened[1].threads, 2);
  EXPECT_GT(engine_.opened[1].nice, 0) << "its threads give way to event loops";
  EXPECT_GT(engine_.runs.size(), runs) << "it is warm, too";
  EXPECT_EQ((*loaded)->schedule_report().lone_threads, 2U);
}

TEST_F(Loading, OpensSessionsAsTheConfigurationSays) {
  ASSERT_TRUE(load(R"(optimization { graph { level: 1 } }
      parameters { key: "intra_op_thread_count" value { string_value: "3" } }
      parameters { key: "inter_op_thread_count" value { string_value: "2" } }
      parameters { key: "execution_mode" value { string_value: "1" } })"));
  ASSERT_FALSE(engine_.opened.empty());
  EXPECT_EQ(engine_.opened[0].threads, 3);
  EXPECT_EQ(engine_.opened[0].threads_between, 2);
  EXPECT_TRUE(engine_.opened[0].parallel);
  EXPECT_EQ(engine_.opened[0].optimization, engine::GraphOptimization::kExtended);
  EXPECT_EQ(
      refusal(R"(parameters { key: "intra_op_thread_count" value { string_value: "many" } })"),
      "model \"m\" version 1: parameter intra_op_thread_count is \"many\"; it must be a whole number from 0 "
      "to 1024");
  EXPECT_NE(refusal("optimization { graph { level: 7 } }").find("optimization.graph.level is 7"),
            std::string::npos);
  const auto loaded = load(R"(parameters { key: "colour" value { string_value: "red" } })");
  ASSERT_TRUE(loaded);
  ASSERT_EQ((*loaded)->warnings().size(), 1U);
  EXPECT_EQ((*loaded)->warnings()[0], "model \"m\" version 1: parameters without effect: \"colour\"");
}

TEST_F(Loading, ShowsTheCompletedConfiguration) {
  const auto loaded = load(
      "instance_group { count: 2 } dynamic_batching { priority_levels: 2 "
      "default_priority_level: 1 }");
  ASSERT_TRUE(loaded);
  const inference::ModelConfig& config = (*loaded)->config();
  EXPECT_EQ(config.name(), "m");
  EXPECT_EQ(config.platform(), "onnxruntime_onnx");
  EXPECT_EQ(config.backend(), "onnxruntime");
  EXPECT_EQ(config.default_model_filename(), "model.onnx");
  EXPECT_EQ(config.max_batch_size(), 64);
  EXPECT_EQ(config.version_policy().latest().num_versions(), 1U);
  ASSERT_EQ(config.input_size(), 1);
  EXPECT_EQ(config.input(0).name(), "x");
  EXPECT_EQ(config.input(0).data_type(), inference::TYPE_FP32);
  ASSERT_EQ(config.input(0).dims_size(), 1) << "without the batch dimension";
  EXPECT_EQ(config.input(0).dims(0), 3);
  EXPECT_EQ(config.output(0).dims(0), 2);
  ASSERT_EQ(config.instance_group_size(), 1);
  EXPECT_EQ(config.instance_group(0).name(), "m_0");
  EXPECT_EQ(config.instance_group(0).count(), 2);
  EXPECT_EQ(config.instance_group(0).kind(), inference::ModelInstanceGroup::KIND_CPU);
  EXPECT_EQ(config.dynamic_batching().priority_levels(), 2U);
}

TEST_F(Loading, DimensionsThatTheBatchMakesTooManyAreRefused) {
  EXPECT_NE(refusal("input { name: \"x\" data_type: TYPE_FP32 dims: [1,1,1,1,1,1,1,3] "
                    "reshape { shape: [3] } }")
                .find("more than 8"),
            std::string::npos);
}

TEST(ConfigJson, IsReadAsTheTextIs) {
  const auto file = parse_config_json(
      R"({"max_batch_size": 0, "dynamic_batching": {}, "parameters": {"a": {"string_value": "b"}}})", "here");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->config.max_batch_size, 0);
  EXPECT_FALSE(file->config.dynamic_batching->max_queue_delay);
  EXPECT_EQ(file->config.parameters.at("a"), "b");
  EXPECT_FALSE(parse_config_json("{}", "here")->config.max_batch_size) << "not said";
  const auto unknown = parse_config_json(R"({"colour": 1})", "here");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("colour"), std::string::npos);
  EXPECT_TRUE(unknown.error().message.starts_with("here: "));
  EXPECT_EQ(parse_config_json(R"({"max_batch_size": -1})", "here").error().message,
            "here: max_batch_size is -1; it must be 1 or more, or 0 for a model without a batch dimension");
  for (const char* text :
       {"", "[]", "{", "null", "\"x\"", "{\"max_batch_size\": 99999999999}", "{\"name\": 1}"}) {
    EXPECT_FALSE(parse_config_json(text, "here")) << text;
  }
  EXPECT_FALSE(parse_config_json(std::string(200'000, '['), "here"));
}

}  // namespace
}  // namespace saccade::model
