// From a model's facts, its configuration and a probe to what is served.
#include "model/completion.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fake_engine.h"

namespace saccade::model {
namespace {

using engine::ModelFacts;
using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

ModelSource source() {
  ModelSource source;
  source.name = "m";
  source.version = "1";
  source.config.name = "m";
  return source;
}

class Completing : public testing::Test {
 protected:
  base::Result<CompletedModel> run(const ModelFacts& facts, std::function<Outputs(Inputs)> function) {
    FunctionSession session(facts, std::move(function));
    return complete(source_, session, "fake_onnx", defaults_);
  }
  CompletedModel good(const ModelFacts& facts, std::function<Outputs(Inputs)> function) {
    auto completed = run(facts, std::move(function));
    EXPECT_TRUE(completed) << (completed ? "" : completed.error().message);
    return completed ? *std::move(completed) : CompletedModel{};
  }
  std::string refusal(const ModelFacts& facts, std::function<Outputs(Inputs)> function) {
    const auto completed = run(facts, std::move(function));
    return completed ? "taken" : completed.error().message;
  }

  ModelSource source_ = source();
  BatchDefaults defaults_{.max_batch_size = 16};
};

TEST_F(Completing, FindsThatAModelBatchesAndClassifies) {
  const auto completed = good(classifier_facts(), two_classes);
  EXPECT_EQ(completed.signature->max_batch_size, 16);
  EXPECT_EQ(completed.policy.max_batch_size, 16);
  EXPECT_EQ(completed.signature->probabilities, 0);
  EXPECT_EQ(completed.signature->platform, "fake_onnx");
  EXPECT_GT(completed.probed.run_time.count(), 0);
  EXPECT_TRUE(completed.warnings.empty());
}

TEST_F(Completing, RowsThatDependOnEachOtherDoNotBatch) {
  const auto completed = good(classifier_facts(), [](Inputs inputs) -> Outputs {
    const std::int64_t rows = inputs[0].shape[0];
    const float share = 1.0F / static_cast<float>(2 * rows);
    return one_output(floats({rows, 2}, std::vector<float>(static_cast<std::size_t>(2 * rows), share)));
  });
  EXPECT_EQ(completed.signature->max_batch_size, 0);
}

TEST_F(Completing, AModelThatTakesOnlyOneRowDoesNotBatch) {
  const auto completed = good(classifier_facts(), [](Inputs inputs) -> Outputs {
    if (inputs[0].shape[0] != 1) return base::invalid_argument("one row only");
    return two_classes(inputs);
  });
  EXPECT_EQ(completed.signature->max_batch_size, 0);
}

TEST_F(Completing, AFixedFirstDimensionIsNoBatch) {
  ModelFacts facts = classifier_facts();
  facts.inputs[0].shape = {2, 3};
  facts.outputs[0].shape = {2, 2};
  const auto completed = good(facts, two_classes);
  EXPECT_EQ(completed.signature->max_batch_size, 0);
  EXPECT_EQ(completed.signature->inputs[0].shape, (Shape{2, 3}));
}

TEST_F(Completing, NumbersThatAddUpToOneByChanceAreNoProbabilities) {
  const auto completed = good(classifier_facts(), [](Inputs inputs) -> Outputs {
    const std::int64_t rows = inputs[0].shape[0];
    std::vector<float> values;
    for (std::int64_t row = 0; row < rows; ++row) {
      values.push_back(2);
      values.push_back(-1);
    }
    return one_output(floats({rows, 2}, values));
  });
  EXPECT_EQ(completed.signature->probabilities, -1);
}

TEST_F(Completing, FreeDimensionsAreTriedOut) {
  ModelFacts facts = classifier_facts();
  facts.inputs[0].shape = {-1, -1};
  const auto completed = good(facts, [](Inputs inputs) -> Outputs {
    if (inputs[0].shape[1] != 32) return base::invalid_argument("32 wide only");
    return two_classes(inputs);
  });
  EXPECT_TRUE(completed.probed.ran);
  EXPECT_EQ(completed.probed.free_size, 32);
  EXPECT_EQ(completed.signature->max_batch_size, 16);
}

TEST_F(Completing, AModelThatCanNotBeTriedIsServedWithAWarning) {
  const auto completed = good(classifier_facts(), [](Inputs) -> Outputs {
    return base::fail(base::Code::kInternal, "no such file");
  });
  EXPECT_FALSE(completed.probed.ran);
  EXPECT_EQ(completed.signature->max_batch_size, 0);
  ASSERT_EQ(completed.warnings.size(), 1U);
  EXPECT_EQ(
      completed.warnings[0],
      "model \"m\" version 1: could not be tried out with made-up inputs (no such file); it is served as its "
      "files describe it");
}

// ONNX files may leave the shape of an output out altogether.
TEST_F(Completing, AnOutputWithoutADeclaredShapeMayBeProbabilities) {
  ModelFacts facts = classifier_facts();
  facts.outputs[0].shape = {};
  facts.metadata["labels"] = R"(["no","yes"])";
  const auto completed = good(facts, two_classes);
  EXPECT_EQ(completed.signature->probabilities, 0);
  EXPECT_EQ(completed.signature->outputs[0].labels, (std::vector<std::string>{"no", "yes"}));
}

TEST_F(Completing, LabelsComeFromTheFilesOrTheModelItself) {
  ModelFacts facts = classifier_facts();
  const auto labels = [&] { return good(facts, two_classes).signature->outputs[0].labels; };
  using Labels = std::vector<std::string>;
  EXPECT_EQ(labels(), Labels{});
  facts.metadata["names"] = "cat\ndog";
  EXPECT_EQ(labels(), (Labels{"cat", "dog"}));
  facts.metadata["labels"] = R"(["no","yes"])";
  EXPECT_EQ(labels(), (Labels{"no", "yes"}));
  facts.metadata["labels"] = R"(["one","of","three"])";
  EXPECT_EQ(labels(), Labels{}) << "as many as there are classes, or none";
  source_.labels["p"] = {"a", "b"};
  EXPECT_EQ(labels(), (Labels{"a", "b"}));
}

TEST_F(Completing, AModelsOwnLabelGoesWithItsProbabilities) {
  ModelFacts facts = classifier_facts();
  facts.outputs.push_back({"label", DataType::kInt64, {-1}, {}});
  const auto with_second = [](Inputs inputs) -> Outputs {
    auto made = two_classes(inputs);
    Tensor label(DataType::kInt64, {inputs[0].shape[0]});
    std::ranges::fill(label.as<std::int64_t>(), 1);
    made->push_back(std::move(label));
    return made;
  };
  const auto completed = good(facts, with_second);
  EXPECT_EQ(completed.signature->probabilities, 0);
  EXPECT_EQ(completed.signature->predicted_label, 1);
  facts.outputs[1].shape = {-1, 5};
  EXPECT_FALSE(good(facts, with_second).signature->classifies())
      << "a model with more to say shows all of it";
}

TEST_F(Completing, ConfigurationSetsTheLimits) {
  source_.config.max_batch_size = 4;
  source_.config.dynamic_batching = DynamicBatching{{2, 4}, std::chrono::microseconds(500)};
  const auto completed = good(classifier_facts(), two_classes);
  EXPECT_EQ(completed.policy.max_batch_size, 4);
  EXPECT_EQ(completed.policy.preferred_batch_sizes, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(completed.policy.max_queue_delay, std::chrono::microseconds(500));
  source_.config.dynamic_batching.reset();
  source_.config.max_batch_size = 0;
  EXPECT_FALSE(good(classifier_facts(), two_classes).signature->batches());
}

TEST_F(Completing, WarnsWhereConfiguredBatchesComeOutOtherwise) {
  source_.config.max_batch_size = 4;
  const auto completed = good(classifier_facts(), [](Inputs inputs) -> Outputs {
    if (inputs[0].shape[0] != 1) return base::invalid_argument("one row only");
    return two_classes(inputs);
  });
  EXPECT_EQ(completed.signature->max_batch_size, 4);
  ASSERT_EQ(completed.warnings.size(), 1U);
  EXPECT_NE(completed.warnings[0].find("the rows come out otherwise than alone"), std::string::npos);
}

TEST_F(Completing, RefusesAConfigurationThatIsNotTheModels) {
  source_.config.inputs = {{.name = "y"}};
  EXPECT_EQ(refusal(classifier_facts(), two_classes),
            "model \"m\" version 1: config.pbtxt names the input \"y\", the model has \"x\"");
  source_.config.inputs = {{.name = "x", .type = DataType::kInt32}};
  EXPECT_EQ(
      refusal(classifier_facts(), two_classes),
      "model \"m\" version 1: config.pbtxt says that the input \"x\" is INT32, in the model it is FP32");
  source_.config.inputs = {{.name = "x", .dims = Shape{4}}};
  EXPECT_EQ(
      refusal(classifier_facts(), two_classes),
      "model \"m\" version 1: config.pbtxt gives the input \"x\" the dims [4], the model has [3] behind the "
      "batch dimension");
  source_.config.inputs.clear();
  source_.config.max_batch_size = 8;
  ModelFacts fixed = classifier_facts();
  fixed.inputs[0].shape = {1, 3};
  EXPECT_EQ(
      refusal(fixed, two_classes),
      "model \"m\" version 1: config.pbtxt says max_batch_size: 8, but the first dimension of input \"x\" is "
      "not free: [1,3]; use max_batch_size: 0");
}

TEST_F(Completing, AReshapeShowsOtherDimensionsToCallers) {
  source_.config.inputs = {{.name = "x", .dims = Shape{1, 3}, .reshape = Shape{3}}};
  const auto completed = good(classifier_facts(), two_classes);
  EXPECT_EQ(completed.signature->inputs[0].shape, (Shape{-1, 1, 3}));
  ASSERT_EQ(completed.input_reshapes.size(), 1U);
  EXPECT_EQ(completed.input_reshapes[0], (Shape{3}));
}

// A model of bytes: on zeros and ones, which mean nothing to it, rounding decides.
TEST_F(Completing, AModelOfBytesIsAlsoTriedWithBytes) {
  ModelFacts facts;
  facts.inputs = {{"bytes", DataType::kInt32, {-1, 16}, {}}};
  facts.outputs = {{"mean", DataType::kFp32, {-1, 1}, {}}};
  std::int32_t largest = 0;
  const auto means = [&](Inputs inputs) -> Outputs {
    const std::int64_t rows = inputs[0].shape[0];
    std::vector<float> out;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto values = inputs[0].as<std::int32_t>().subspan(static_cast<std::size_t>(row) * 16, 16);
      const std::int32_t most = std::ranges::max(values);
      largest = std::max(largest, most);
      out.push_back(static_cast<float>(most) + (most <= 1 && rows > 1 ? .01F : 0));
    }
    return one_output(floats({rows, 1}, out));
  };
  const auto completed = good(facts, means);
  EXPECT_TRUE(completed.signature->batches());
  EXPECT_EQ(completed.probed.largest_integer, 255U);
  EXPECT_GT(largest, 100);

  // Where a table of words has no such entry, zeros and ones have the word.
  const auto words = [&](Inputs inputs) -> Outputs {
    if (std::ranges::max(inputs[0].as<std::int32_t>()) > 1) return base::invalid_argument("out of the table");
    return means(inputs);
  };
  const auto refusing = good(facts, words);
  EXPECT_FALSE(refusing.signature->batches());
  EXPECT_EQ(refusing.probed.largest_integer, 1U);
  EXPECT_TRUE(refusing.probed.ran);
}

TEST(MakeSample, IsTheSameForTheSameSeed) {
  const Tensor one = make_sample(DataType::kFp32, {2, 3}, 1);
  const Tensor same = make_sample(DataType::kFp32, {2, 3}, 1);
  const Tensor other = make_sample(DataType::kFp32, {2, 3}, 2);
  EXPECT_TRUE(std::ranges::equal(one.view().as<float>(), same.view().as<float>()));
  EXPECT_FALSE(std::ranges::equal(one.view().as<float>(), other.view().as<float>()));
  const Tensor whole = make_sample(DataType::kInt64, {50}, 1);
  for (const std::int64_t value : whole.view().as<std::int64_t>()) {
    EXPECT_TRUE(value == 0 || value == 1);
  }
  EXPECT_FALSE(make_sample(DataType::kBytes, {1}, 1).strings()[0].empty());
}

}  // namespace
}  // namespace saccade::model
