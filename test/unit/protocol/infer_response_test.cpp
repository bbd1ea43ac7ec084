// Answers in both forms, and what the log keeps of them.
#include "protocol/infer_response.h"

#include <cmath>
#include <cstring>
#include <deque>

#include <gtest/gtest.h>

#include "fake_regions.h"
#include "grpc_service.pb.h"
#include "protocol/log_result.h"
#include "signatures.h"

namespace saccade::protocol {
namespace {

using request::InferenceResponse;
using tensor::DataType;
using tensor::Shape;

// A model's outputs and one answer of it.
struct Answer {
  request::ModelSignature model;
  std::deque<tensor::Tensor> tensors;
  InferenceResponse response;
  FakeRegions regions;

  explicit Answer(std::int64_t max_batch_size = 8) {
    model.name = "m";
    model.version = "3";
    model.max_batch_size = max_batch_size;
  }
  template <typename T>
  void add(const std::string& name, DataType type, const Shape& shape, const std::vector<T>& values,
           std::vector<std::string> labels = {}) {
    tensor::Tensor tensor(type, shape);
    if (!values.empty()) std::memcpy(tensor.data(), values.data(), tensor.byte_size());
    keep(name, std::move(tensor), std::move(labels));
  }
  void add(const std::string& name, const Shape& shape, std::vector<std::string> values) {
    keep(name, tensor::Tensor(shape, std::move(values)), {});
  }
  void keep(const std::string& name, tensor::Tensor tensor, std::vector<std::string> labels) {
    model.outputs.push_back({name, tensor.type(), tensor.shape(), std::move(labels)});
    tensors.push_back(std::move(tensor));
    response.outputs.push_back(tensors.back().view());
  }
  EncodedInfer encode(const std::vector<RequestedOutput>& asked, std::string_view id = "") {
    auto encoded = encode_infer_json(response, asked, id, model, regions);
    EXPECT_TRUE(encoded) << encoded.error().message;
    return encoded ? *std::move(encoded) : EncodedInfer{};
  }
  std::string log() const {
    std::string out;
    append_log_result(out, response, model);
    return out;
  }
};

RequestedOutput plain(int index) {
  return {.index = index, .binary = false, .classification = 0, .shared_memory = {}};
}
RequestedOutput binary(int index) {
  return {.index = index, .binary = true, .classification = 0, .shared_memory = {}};
}

TEST(InferResponse, JsonIsFlatAndInTheOrderGiven) {
  Answer answer;
  answer.add<std::int32_t>("a", DataType::kInt32, {2, 2}, {1, -2, 3, 4});
  answer.add<std::uint8_t>("b", DataType::kBool, {2, 1}, {1, 0});
  const auto encoded = answer.encode({plain(1), plain(0)}, "my \"id\"");
  EXPECT_FALSE(encoded.json_bytes);
  EXPECT_EQ(encoded.body, R"({"id":"my \"id\"","model_name":"m","model_version":"3","outputs":[)"
                          R"({"name":"b","datatype":"BOOL","shape":[2,1],"data":[true,false]},)"
                          R"({"name":"a","datatype":"INT32","shape":[2,2],"data":[1,-2,3,4]}]})");
}

TEST(InferResponse, FloatsAndStrings) {
  Answer answer;
  answer.add<float>("f", DataType::kFp32, {1, 5}, {0.1F, INFINITY, -INFINITY, NAN, 100});
  answer.add<double>("d", DataType::kFp64, {1, 2}, {0.1, NAN});
  answer.add("s", {1, 2}, {"a\"", "\xFF"});
  const auto encoded = answer.encode({plain(0), plain(1), plain(2)});
  EXPECT_NE(encoded.body.find("[0.1,Infinity,-Infinity,NaN,100.0]"), std::string::npos) << encoded.body;
  EXPECT_NE(encoded.body.find("[0.1,NaN]"), std::string::npos);
  EXPECT_NE(encoded.body.find("[\"a\\\"\",\"\xEF\xBF\xBD\"]"), std::string::npos);
}

TEST(InferResponse, BinaryFollowsTheJson) {
  Answer answer;
  answer.add<std::int32_t>("a", DataType::kInt32, {1, 2}, {1, 2});
  answer.add<std::int32_t>("b", DataType::kInt32, {1, 1}, {3});
  answer.add("s", {1, 2}, {"xy", ""});
  const auto encoded = answer.encode({binary(2), plain(1), binary(0)});
  ASSERT_TRUE(encoded.json_bytes);
  EXPECT_EQ(encoded.body.substr(0, *encoded.json_bytes),
            R"({"model_name":"m","model_version":"3","outputs":[)"
            R"({"name":"s","datatype":"BYTES","shape":[1,2],"parameters":{"binary_data_size":10}},)"
            R"({"name":"b","datatype":"INT32","shape":[1,1],"data":[3]},)"
            R"({"name":"a","datatype":"INT32","shape":[1,2],"parameters":{"binary_data_size":8}}]})");
  EXPECT_EQ(encoded.body.substr(*encoded.json_bytes), std::string("\2\0\0\0xy\0\0\0\0\1\0\0\0\2\0\0\0", 18));
}

TEST(InferResponse, EmptyBinaryTensorsLeaveAJsonAnswer) {
  Answer answer;
  answer.add<float>("y", DataType::kFp32, {1, 0}, {});
  const auto encoded = answer.encode({binary(0)});
  EXPECT_FALSE(encoded.json_bytes);
  EXPECT_NE(encoded.body.find(R"("shape":[1,0],"parameters":{"binary_data_size":0})"), std::string::npos);
}

TEST(InferResponse, ClassificationInBothForms) {
  Answer answer;
  answer.add<float>("y", DataType::kFp32, {1, 3}, {0.25F, 0.5F, 0.25F}, {"cat", "dog", "owl"});
  RequestedOutput asked = plain(0);
  asked.classification = 2;
  EXPECT_NE(
      answer.encode({asked}).body.find(
          R"({"name":"y","datatype":"BYTES","shape":[1,2],"data":["0.500000:1:dog","0.250000:0:cat"]})"),
      std::string::npos);
  asked.binary = true;
  const auto encoded = answer.encode({asked});
  ASSERT_TRUE(encoded.json_bytes);
  EXPECT_EQ(encoded.body.substr(*encoded.json_bytes), std::string("\xE\0\0\0"
                                                                  "0.500000:1:dog\xE\0\0\0"
                                                                  "0.250000:0:cat",
                                                                  36));
  inference::ModelInferResponse message;
  ASSERT_TRUE(encode_infer_message(answer.response, {asked}, "", answer.model, answer.regions, message));
  EXPECT_EQ(message.outputs(0).datatype(), "BYTES");
  EXPECT_EQ(message.raw_output_contents(0), encoded.body.substr(*encoded.json_bytes));
}

TEST(InferResponse, OutputsIntoSharedMemory) {
  Answer answer;
  answer.add<std::int32_t>("a", DataType::kInt32, {1, 2}, {1, 2});
  answer.add("s", {1, 1}, {"xy"});
  answer.regions.memory["out"] = std::string(20, '.');
  RequestedOutput numbers = plain(0);
  numbers.shared_memory = {.region = "out", .offset = 2, .byte_size = 10};
  RequestedOutput strings = plain(1);
  strings.shared_memory = {.region = "out", .offset = 12, .byte_size = 6};
  const auto encoded = answer.encode({numbers, strings});
  EXPECT_EQ(
      encoded.body,
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"a","datatype":"INT32","shape":[1,2]},)"
      R"({"name":"s","datatype":"BYTES","shape":[1,1]}]})");
  const std::string expected("..\1\0\0\0\2\0\0\0..\2\0\0\0xy..", 20);
  EXPECT_EQ(answer.regions.memory["out"], expected);
  inference::ModelInferResponse message;
  ASSERT_TRUE(
      encode_infer_message(answer.response, {numbers, binary(1)}, "", answer.model, answer.regions, message));
  EXPECT_EQ(message.raw_output_contents(0), "");
  EXPECT_EQ(message.raw_output_contents(1), std::string("\2\0\0\0xy", 6));

  numbers.shared_memory->byte_size = 7;
  const auto small = encode_infer_json(answer.response, {numbers}, "", answer.model, answer.regions);
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().message, "output \"a\": \"shared_memory_byte_size\" is 7, the output has 8 bytes");
  numbers.shared_memory = {.region = "out", .offset = 16, .byte_size = 8};
  EXPECT_FALSE(encode_infer_json(answer.response, {numbers}, "", answer.model, answer.regions));
}

TEST(InferResponse, Message) {
  Answer answer;
  answer.add<std::int32_t>("a", DataType::kInt32, {1, 2}, {1, 2});
  answer.add<std::uint16_t>("h", DataType::kFp16, {1, 1}, {0x3C00});
  inference::ModelInferResponse message;
  ASSERT_TRUE(encode_infer_message(answer.response, {plain(1), plain(0)}, "mine", answer.model,
                                   answer.regions, message));
  EXPECT_EQ(message.model_name(), "m");
  EXPECT_EQ(message.model_version(), "3");
  EXPECT_EQ(message.id(), "mine");
  ASSERT_EQ(message.outputs_size(), 2);
  EXPECT_EQ(message.outputs(0).name(), "h");
  EXPECT_EQ(message.outputs(0).datatype(), "FP16");
  EXPECT_EQ(message.outputs(1).shape(1), 2);
  EXPECT_EQ(message.raw_output_contents(0), std::string("\0\x3C", 2));
  EXPECT_EQ(message.raw_output_contents(1), std::string("\1\0\0\0\2\0\0\0", 8));
}

TEST(LogResult, OfAClassifier) {
  Answer answer;
  answer.add<float>("y", DataType::kFp32, {1, 3}, {0.25F, 0.5F, 0.25F}, {"cat", "dog", "owl"});
  answer.model.probabilities = 0;
  EXPECT_EQ(answer.log(), R"({"prediction":"dog","class":1,"confidence":0.5})");
}

TEST(LogResult, ValuesOnlyOfWhatIsSmall) {
  Answer answer;
  answer.add<float>("y", DataType::kFp32, {1, 2}, {0.5F, NAN});
  answer.add("s", {1, 1}, {"text"});
  EXPECT_EQ(answer.log(), R"({"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.5,null]},)"
                          R"({"name":"s","datatype":"BYTES","shape":[1,1],"data":["text"]}]})");
  answer.add("long", {1, 1}, {std::string(5000, 'x')});
  EXPECT_EQ(answer.log().find("data\""), std::string::npos);

  Answer large;
  large.add<float>("a", DataType::kFp32, {1, 32}, std::vector<float>(32));
  large.add<float>("b", DataType::kFp32, {1, 32}, std::vector<float>(32));
  EXPECT_NE(large.log().find("data\""), std::string::npos);
  large.add<float>("c", DataType::kFp32, {1, 1}, {1});
  EXPECT_EQ(large.log().find("data\""), std::string::npos);
  EXPECT_NE(large.log().find(R"({"name":"c","datatype":"FP32","shape":[1,1]})"), std::string::npos);
}

TEST(LogResult, InputsAreJsonEvenWhereNumbersAreNone) {
  EXPECT_EQ(log_input(R"({"data":[NaN,-Infinity,Infinity,-1],"N":"NaN \"Infinity"})"),
            R"({"data":[null,null,null,-1],"N":"NaN \"Infinity"})");
}

}  // namespace
}  // namespace saccade::protocol
