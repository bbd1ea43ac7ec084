#include "protocol/v1_response.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::protocol {
namespace {

using request::ModelSignature;
using tensor::DataType;

// Answers out of made-up outputs, which it owns.
class Answer : public testing::Test {
 protected:
  void floats(const std::string& name, tensor::Shape shape, std::vector<float> values,
              std::vector<std::string> labels = {}) {
    model_.outputs.push_back({name, DataType::kFp32, {-1}, std::move(labels)});
    auto& tensor = tensors_.emplace_back(DataType::kFp32, shape);
    std::ranges::copy(values, tensor.as<float>().begin());
  }
  void strings(const std::string& name, tensor::Shape shape, std::vector<std::string> values) {
    model_.outputs.push_back({name, DataType::kBytes, {-1}, {}});
    tensors_.emplace_back(shape, std::move(values));
  }
  request::InferenceResponse response() const {
    request::InferenceResponse response;
    for (const auto& tensor : tensors_) response.outputs.push_back(tensor.view());
    return response;
  }
  std::string predict(bool rows) const {
    const auto answer = encode_v1_predict(response(), model_, rows);
    return answer ? *answer : answer.error().message;
  }

  ModelSignature model_;
  std::vector<tensor::Tensor> tensors_;
};

TEST_F(Answer, OfOneOutputIsItsTensor) {
  floats("y", {2, 2}, {1, 0.5F, -3, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_EQ(predict(true), R"({"predictions":[[1.0,0.5],[-3.0,NaN]]})");
  EXPECT_EQ(predict(false), R"({"outputs":[[1.0,0.5],[-3.0,NaN]]})");
}

TEST_F(Answer, OfSeveralOutputsNamesThem) {
  floats("y", {2, 2}, {1, 2, 3, 4});
  strings("s", {2}, {"a", "b\""});
  EXPECT_EQ(predict(true), R"({"predictions":[{"y":[1.0,2.0],"s":"a"},{"y":[3.0,4.0],"s":"b\""}]})");
  EXPECT_EQ(predict(false), R"({"outputs":{"y":[[1.0,2.0],[3.0,4.0]],"s":["a","b\""]}})");
}

TEST_F(Answer, WithoutRowsInCommonSaysSo) {
  floats("y", {2}, {1, 2});
  floats("z", {1}, {3});
  EXPECT_EQ(predict(true),
            "the outputs \"y\" [2] and \"z\" [1] have no first dimension in common, so that there are no "
            "rows; send "
            "\"inputs\" instead of \"instances\"");
  EXPECT_EQ(predict(false), R"({"outputs":{"y":[1.0,2.0],"z":[3.0]}})");
}

TEST_F(Answer, OfScalarsHasNoRowsEither) {
  floats("y", {}, {1});
  EXPECT_EQ(predict(true), R"({"predictions":1.0})");
  floats("z", {}, {2});
  EXPECT_NE(predict(true).find("no rows"), std::string::npos);
}

TEST_F(Answer, OfBytesIsBase64ByName) {
  strings("raw_bytes", {2, 1}, {std::string("\0\xff", 2), "hi"});
  EXPECT_EQ(predict(true), R"({"predictions":[[{"b64":"AP8="}],[{"b64":"aGk="}]]})");
}

TEST_F(Answer, OfAClassifierPairsLabelsAndScores) {
  EXPECT_FALSE(check_v1_classifier(model_));
  floats("p", {2, 3}, {0.5F, 0.25F, 0.25F, 0, 1, 0}, {"cat", "dog"});
  model_.probabilities = 0;
  EXPECT_TRUE(check_v1_classifier(model_));
  EXPECT_EQ(encode_v1_classify(response(), model_),
            R"({"results":[[["cat",0.5],["dog",0.25],["2",0.25]],[["cat",0.0],["dog",1.0],["2",0.0]]]})");
}

TEST(V1Metadata, IsTensorFlowsForm) {
  ModelSignature model;
  model.name = "m";
  model.version = "3";
  model.inputs = {{"x", DataType::kFp32, {-1, 28}, {}}};
  model.outputs = {{"s", DataType::kBytes, {}, {}}};
  EXPECT_EQ(
      encode_v1_metadata(model),
      R"({"model_spec":{"name":"m","signature_name":"","version":"3"},)"
      R"("metadata":{"signature_def":{"signature_def":{"serving_default":{)"
      R"("inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"28","name":""}],)"
      R"("unknown_rank":false},"name":"x"}},)"
      R"("outputs":{"s":{"dtype":"DT_STRING","tensor_shape":{"dim":[],"unknown_rank":false},"name":"s"}},)"
      R"("method_name":"tensorflow/serving/predict"}}}}})");
}

}  // namespace
}  // namespace saccade::protocol
