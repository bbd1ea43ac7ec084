#include "quality/monitor.h"

#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace saccade::quality {
namespace {

class MonitorTest : public testing::Test {
 protected:
  static std::shared_ptr<request::ModelSignature> signature() {
    auto made = std::make_shared<request::ModelSignature>();
    made->name = "m";
    made->version = "1";
    made->inputs.push_back({.name = "x", .type = tensor::DataType::kFp32, .shape = {-1, 100}, .labels = {}});
    made->outputs.push_back({.name = "p", .type = tensor::DataType::kFp32, .shape = {-1, 2}, .labels = {}});
    made->probabilities = 0;
    return made;
  }
  static std::vector<tensor::Tensor> inputs(float value) {
    std::vector<tensor::Tensor> all;
    all.emplace_back(tensor::DataType::kFp32, tensor::Shape{1, 100});
    auto* values = reinterpret_cast<float*>(all[0].data());
    for (int i = 0; i < 100; ++i) values[i] = value + static_cast<float>(i);
    return all;
  }
  void ask(int times, float value, std::size_t predicted) {
    for (int i = 0; i < times; ++i) {
      now_ += std::chrono::seconds(1);
      const auto sampled = monitor_.sample(signature_, inputs(value), now_);
      ASSERT_NE(sampled, nullptr);
      std::array<float, 2> probabilities{};
      probabilities[predicted] = 1;
      request::InferenceResponse response;
      response.outputs.push_back({.type = tensor::DataType::kFp32,
                                  .shape = {1, 2},
                                  .data = reinterpret_cast<const std::byte*>(probabilities.data())});
      sampled->add_answer(response);
    }
  }
  double shown(const std::string& start) {
    const std::string text = registry_.scrape();
    const std::size_t at = text.find("\n" + start);
    EXPECT_NE(at, std::string::npos) << start << " in " << text;
    if (at == std::string::npos) return -1;
    const std::size_t space = text.find(' ', at);
    return std::strtod(text.c_str() + space, nullptr);
  }

  observe::Registry registry_;
  Monitor monitor_{registry_, {.windows = {.reference = 20, .recent = 20}}};
  std::shared_ptr<request::ModelSignature> signature_ = signature();
  base::TimePoint now_ = base::now();
};

TEST_F(MonitorTest, TakesAboutOneSampleAnInterval) {
  EXPECT_NE(monitor_.sample(signature_, inputs(0), now_), nullptr);
  EXPECT_EQ(monitor_.sample(signature_, inputs(0), now_), nullptr);
  EXPECT_EQ(monitor_.sample(signature_, inputs(0), now_ + std::chrono::milliseconds(2)), nullptr);
  EXPECT_NE(monitor_.sample(signature_, inputs(0), now_ + std::chrono::milliseconds(8)), nullptr);
  EXPECT_EQ(shown("saccade_quality_samples_total{model=\"m\",version=\"1\"}"), 2);
}

TEST_F(MonitorTest, MeetsAllThatIsAskedInTurn) {
  std::array<int, 4> met{};
  for (int i = 0; i < 10'000; ++i) {  // each of the four comes up again after one interval exactly
    now_ += std::chrono::microseconds(1'250);
    if (monitor_.sample(signature_, inputs(0), now_)) ++met[static_cast<std::size_t>(i % 4)];
  }
  for (const int times : met) EXPECT_GT(times, 400);  // of some 2,200
}

TEST_F(MonitorTest, ShowsDrift) {
  ask(20, 0, 0);
  ask(20, 0, 0);
  EXPECT_LT(shown("saccade_quality_input_drift{"), 0.05);
  EXPECT_LT(shown("saccade_quality_output_drift{"), 0.05);
  ask(20, 80, 1);
  EXPECT_GT(shown("saccade_quality_input_drift{"), 0.5);
  EXPECT_GT(shown("saccade_quality_output_drift{"), 0.5);
}

TEST_F(MonitorTest, AVersionLoadedAnewBeginsAnew) {
  ask(30, 0, 0);
  signature_ = signature();
  ask(1, 0, 0);
  EXPECT_EQ(shown("saccade_quality_samples_total{model=\"m\",version=\"1\"}"), 1);
}

TEST_F(MonitorTest, KeepsNothingOfAVersionThatIsGone) {
  std::weak_ptr<const request::ModelSignature> gone;
  for (int version = 2; version < 12; ++version) {
    ask(1, 0, 0);
    gone = signature_;
    signature_ = signature();
    signature_->version = std::to_string(version);
    ask(1, 0, 0);
    EXPECT_TRUE(gone.expired()) << version;
  }
}

TEST_F(MonitorTest, ShowsFeedback) {
  monitor_.add_feedback("m", "1", {{.right = true, .confidence = 0.8}, {.right = false, .confidence = 0.8}});
  EXPECT_EQ(shown("saccade_quality_judged_total{"), 2);
  EXPECT_DOUBLE_EQ(shown("saccade_quality_accuracy{model=\"m\",version=\"1\",window=\"all\"}"), 0.5);
  EXPECT_NEAR(shown("saccade_quality_calibration_error{model=\"m\",version=\"1\",window=\"recent\"}"), 0.3,
              1e-6);
}

TEST_F(MonitorTest, FromManyThreadsWhileItIsScraped) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, now = now_]() mutable {
      for (int i = 0; i < 200; ++i) {
        now += std::chrono::seconds(1);
        (void)monitor_.sample(signature_, inputs(0), now);
        monitor_.add_feedback("m", "1", {{.right = true, .confidence = 0.8}});
      }
    });
  }
  for (int i = 0; i < 50; ++i) (void)registry_.scrape();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shown("saccade_quality_samples_total{model=\"m\",version=\"1\"}"), 800);
  EXPECT_EQ(shown("saccade_quality_judged_total{"), 800);
}

}  // namespace
}  // namespace saccade::quality
