#include "protocol/predict_response.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signatures.h"

namespace saccade::protocol {
namespace {

using request::InferenceResponse;
using request::ModelSignature;
using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  Tensor tensor(DataType::kFp32, shape);
  std::memcpy(tensor.data(), values.data(), tensor.byte_size());
  return tensor;
}

ModelSignature classifier(std::vector<std::string> labels) {
  ModelSignature model = image_model();
  model.outputs = {{"p", DataType::kFp32, {-1, 3}, std::move(labels)}};
  model.probabilities = 0;
  return model;
}

std::string result(const std::vector<Tensor>& outputs, const ModelSignature& model,
                   const ResultOptions& options) {
  InferenceResponse response;
  for (const Tensor& output : outputs) response.outputs.push_back(output.view());
  std::string out;
  append_result(out, response, model, options);
  return out;
}

std::vector<Tensor> outputs(Tensor first) {
  std::vector<Tensor> list;
  list.push_back(std::move(first));
  return list;
}

TEST(Classifier, NamesTheLikeliestClass) {
  const auto model = classifier({"cat", "dog", "owl"});
  EXPECT_EQ(result(outputs(floats({1, 3}, {0.25, 0.5, 0.25})), model, {}),
            R"("prediction":"dog","class":1,"confidence":0.5)");
}

TEST(Classifier, ClassesWithoutLabelsAreNumbered) {
  EXPECT_EQ(result(outputs(floats({1, 3}, {0.5, 0.25, 0.25})), classifier({}), {}),
            R"("prediction":"0","class":0,"confidence":0.5)");
  EXPECT_EQ(result(outputs(floats({1, 3}, {0.25, 0.25, 0.5})), classifier({"cat"}), {}),
            R"("prediction":"2","class":2,"confidence":0.5)");
}

TEST(Classifier, GivesAllProbabilitiesWhereAsked) {
  EXPECT_EQ(result(outputs(floats({1, 3}, {0.25, 0.5, 0.25})), classifier({"a\"", "b", "c"}),
                   {.single = true, .probabilities = true}),
            R"("prediction":"b","class":1,"confidence":0.5,"probabilities":{"a\"":0.25,"b":0.5,"c":0.25})");
}

TEST(Classifier, AnswersABatchAsAList) {
  const auto model = classifier({"a", "b", "c"});
  const std::string row = R"({"prediction":"b","class":1,"confidence":0.5})";
  EXPECT_EQ(result(outputs(floats({1, 3}, {0.25, 0.5, 0.25})), model, {.single = false}),
            "\"predictions\":[" + row + "]");
  EXPECT_EQ(result(outputs(floats({2, 3}, {0.25, 0.5, 0.25, 0.25, 0.5, 0.25})), model, {.single = false}),
            "\"predictions\":[" + row + "," + row + "]");
}

TEST(Classifier, TakesTheModelsOwnLabelWhereItGivesOne) {
  ModelSignature model = classifier({});
  model.outputs.insert(model.outputs.begin(), {"label", DataType::kBytes, {-1}, {}});
  model.predicted_label = 0;
  model.probabilities = 1;
  std::vector<Tensor> both;
  both.emplace_back(Shape{1}, std::vector<std::string>{"iris"});
  both.push_back(floats({1, 3}, {0.25, 0.5, 0.25}));
  EXPECT_EQ(result(both, model, {}), R"("prediction":"iris","class":1,"confidence":0.5)");
}

TEST(OtherModel, GivesItsOutputsByName) {
  ModelSignature model = image_model();
  model.outputs = {{"y\"", DataType::kFp32, {-1, 2}, {}}};
  EXPECT_EQ(result(outputs(floats({1, 2}, {1, 2.5})), model, {}), R"("outputs":{"y\"":[1,2.5]})");
  EXPECT_EQ(result(outputs(floats({1, 2}, {1, 2.5})), model, {.single = false}),
            R"("outputs":{"y\"":[[1,2.5]]})");
  EXPECT_EQ(result(outputs(floats({2, 2}, {1, 2, 3, 4})), model, {.single = false}),
            R"("outputs":{"y\"":[[1,2],[3,4]]})");
}

TEST(OtherModel, WithoutBatchesNoDimensionIsTakenOff) {
  ModelSignature model = model_of(DataType::kFp32, {1, 2}, 0);
  model.outputs = {{"y", DataType::kFp32, {1, 2}, {}}};
  EXPECT_EQ(result(outputs(floats({1, 2}, {1, 2})), model, {}), R"("outputs":{"y":[[1,2]]})");
}

TEST(Timestamp, HasSixDigitsBehindThePoint) {
  std::string out;
  append_timestamp(out, 1'764'000'000'000'042);
  EXPECT_EQ(out, "1764000000.000042");
}

TEST(WrapResult, PutsTheEnvelopeAroundTheResult) {
  const auto id = base::Uuid::parse("0190163d-8694-7000-8000-00000000000a");
  ASSERT_TRUE(id);
  const Envelope envelope{.request_id = *id, .unix_micros = 1'500'000, .client_id = "\"mine\""};
  EXPECT_EQ(wrap_result("\"outputs\":{}", image_model(), envelope),
            R"({"outputs":{},"model":"m","version":"1","request_id":"0190163d-8694-7000-8000-00000000000a",)"
            R"("timestamp":1.500000,"id":"mine"})");
  const Envelope anonymous{.request_id = *id, .unix_micros = 0, .client_id = {}};
  EXPECT_TRUE(wrap_result("", image_model(), anonymous).ends_with("\"timestamp\":0.000000}"));
}

}  // namespace
}  // namespace saccade::protocol
