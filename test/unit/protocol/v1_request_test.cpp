#include "protocol/v1_request.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signatures.h"

namespace saccade::protocol {
namespace {

using request::ModelSignature;
using tensor::DataType;
using Decode = base::Result<V1Request> (*)(std::string_view, const ModelSignature&);

ModelSignature texts_model() {
  ModelSignature model;
  model.name = "texts";
  model.inputs = {{"text", DataType::kBytes, {-1, 1}, {}}};
  model.max_batch_size = 4;
  return model;
}

ModelSignature two_model() {
  ModelSignature model;
  model.name = "two";
  model.inputs = {{"a", DataType::kInt64, {-1, 2}, {}}, {"b", DataType::kBytes, {-1}, {}}};
  model.max_batch_size = 4;
  return model;
}

ModelSignature lone_model() {  // no batching
  ModelSignature model;
  model.name = "lone";
  model.inputs = {{"x", DataType::kFp32, {-1, 2}, {}}};
  return model;
}

V1Request good(std::string_view json, const ModelSignature& model, Decode decode = decode_v1_predict) {
  const std::string text = padded(json);
  auto request = decode(text, model);
  EXPECT_TRUE(request) << json << ": " << (request ? "" : request.error().message);
  return request ? *std::move(request) : V1Request{};
}

std::string refusal(std::string_view json, const ModelSignature& model, Decode decode = decode_v1_predict) {
  const std::string text = padded(json);
  const auto request = decode(text, model);
  if (request) return "taken";
  EXPECT_EQ(request.error().code, base::Code::kInvalidArgument);
  return request.error().message;
}

template <typename T>
std::vector<T> elements(const V1Request& request, std::size_t input = 0) {
  if (request.inputs.size() <= input) return {};
  const auto view = request.inputs[input].view().as<T>();
  return {view.begin(), view.end()};
}

std::string shape(const V1Request& request, std::size_t input = 0) {
  return request.inputs.size() <= input ? "none" : request.inputs[input].shape().text();
}

std::vector<std::string> texts(const V1Request& request, std::size_t input = 0) {
  return request.inputs.size() <= input ? std::vector<std::string>{} : request.inputs[input].strings();
}

TEST(V1Predict, TakesRowsOfASingleInput) {
  const auto request = good(R"({"instances": [[[1,2,3],[4,5,6]], [[7,8,9],[10,11,12]]]})", image_model());
  EXPECT_EQ(shape(request), "[2,2,3]");
  EXPECT_EQ(request.batch, 2);
  EXPECT_TRUE(request.rows);
  EXPECT_EQ(elements<float>(request), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
}

TEST(V1Predict, TakesRowsByName) {
  const auto request = good(R"({"signature_name": "serving_default",
    "instances": [{"a": [1, 2], "b": "x"}, {"b": {"b64": "AP8="}, "a": [3, 4]}]})",
                            two_model());
  EXPECT_EQ(shape(request, 0), "[2,2]");
  EXPECT_EQ(shape(request, 1), "[2]");
  EXPECT_EQ(elements<std::int64_t>(request), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(texts(request, 1), (std::vector<std::string>{"x", std::string("\0\xff", 2)}));
  EXPECT_EQ(request.batch, 2);
  const auto single = good(R"({"instances": [ {"x": [[1,2,3],[4,5,6]]}]})", image_model());
  EXPECT_EQ(shape(single), "[1,2,3]");
}

TEST(V1Predict, TakesColumns) {
  const auto request = good(R"({"inputs": {"b": ["x", "y"], "a": [[1, 2], [3, 4]]}})", two_model());
  EXPECT_FALSE(request.rows);
  EXPECT_EQ(request.batch, 2);
  EXPECT_EQ(elements<std::int64_t>(request), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(texts(request, 1), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(shape(good(R"({"inputs": [[[1,2,3],[4,5,6]]]})", image_model())), "[1,2,3]");
  EXPECT_EQ(shape(good(R"({"inputs": {"x": [[[1,2,3],[4,5,6]]]}})", image_model())), "[1,2,3]");
}

TEST(V1Predict, TakesStringsInEveryForm) {
  for (const char* body :
       {R"({"instances": ["hi", "du"]})", R"({"instances": [["hi"], ["du"]]})",
        R"({"instances": [{"b64": "aGk="}, {"b64": "ZHU"}]})", R"({"instances": ["hi", {"b64": "ZHU="}]})",
        R"({"instances": [ { "b64" : "aGk="}, "du"]})",
        R"({"instances": [{"text": "hi"}, {"text": ["du"]}]})",
        R"({"instances": [{"text": {"b64": "aGk="}}, "du"]})", R"({"inputs": ["hi", "du"]})",
        R"({"inputs": {"text": [["hi"], [{"b64": "ZHU="}]]}})"}) {
    const auto request = good(body, texts_model());
    EXPECT_EQ(shape(request), "[2,1]") << body;
    EXPECT_EQ(texts(request), (std::vector<std::string>{"hi", "du"})) << body;
  }
}

TEST(V1Predict, AnInputMayBeCalledB64) {
  ModelSignature model = texts_model();
  model.inputs[0].name = "b64";
  EXPECT_EQ(texts(good(R"({"instances": [{"b64": "aGk="}]})", model)), std::vector<std::string>{"aGk="});
}

TEST(V1Predict, TakesAModelThatDoesNotBatch) {
  EXPECT_EQ(shape(good(R"({"instances": [[1, 2], [3, 4], [5, 6]]})", lone_model())), "[3,2]");
  EXPECT_EQ(shape(good(R"({"instances": [{"x": [1, 2]}]})", lone_model())), "[1,2]");
  EXPECT_EQ(shape(good(R"({"inputs": {"x": [[1, 2]]}})", lone_model())), "[1,2]");
  EXPECT_EQ(refusal(R"({"instances": [[1, 2, 3]]})", lone_model()),
            R"("instances": input "x": got the shape [1,3], the model takes [-1,2])");
}

TEST(V1Predict, PassesOverWhatItDoesNotKnow) {
  EXPECT_EQ(shape(good(R"({"parameters": {"a": [1, true, null, {"b": "c"}]}, "instances": ["x"], "id": 7,
                           "signature_name": ""})",
                       texts_model())),
            "[1,1]");
  EXPECT_NE(refusal(R"({"parameters": {"a": tru}, "instances": ["x"]})", texts_model()), "taken");
  EXPECT_NE(refusal(R"({"parameters": )" + std::string(200, '[') + std::string(200, ']') +
                        R"(, "instances": ["x"]})",
                    texts_model()),
            "taken");
}

TEST(V1Predict, SaysWhatIsWrong) {
  const auto two = two_model();
  EXPECT_EQ(refusal("", two), R"(the body is empty; send a JSON object with "instances" or "inputs")");
  EXPECT_EQ(refusal("[]", two), R"(the body must be a JSON object with "instances" or "inputs")");
  EXPECT_EQ(refusal("{}", two), R"(the body has no "instances" or "inputs")");
  EXPECT_EQ(refusal(R"({"instances": [], "x": 1})", two), R"("instances": is empty)");
  EXPECT_EQ(refusal(R"({"instances": []})", texts_model()),
            R"("instances": input "text": the batch is empty)");
  EXPECT_EQ(refusal(R"({"instances": 1})", two), R"("instances": must be a list)");
  EXPECT_EQ(refusal(R"({"instances": [{"a": [1, 2]}]})", two),
            R"("instances": item 0: input "b" is missing)");
  EXPECT_EQ(refusal(R"({"instances": [{"a": [1, 2], "b": "x", "c": 1}]})", two),
            R"("instances": item 0: there is no input "c"; the model takes "a", "b")");
  EXPECT_EQ(refusal(R"({"instances": [{"a": [1, 2], "b": "x"}, {"a": [1, 2, 3], "b": "x"}]})", two),
            R"("instances": item 1: input "a" has the shape [3], in those before [2]; all must be alike)");
  EXPECT_EQ(refusal(R"({"instances": [{"a": [1, 2], "b": "x", "a": [1, 2]}]})", two),
            R"("instances": item 0: input "a" is there twice)");
  EXPECT_EQ(refusal(R"({"instances": [{"a": [1, 2.5], "b": "x"}]})", two),
            R"("instances": item 0: input "a" at [1] must be a whole number (INT64), got 2.5)");
  EXPECT_EQ(refusal(R"({"instances": [[1, 2]]})", two),
            R"("instances": item 0: must be an object with the inputs by name: "a", "b")");
  EXPECT_EQ(refusal(R"({"inputs": [[1, 2]]})", two),
            R"("inputs": must be an object with the inputs by name: "a", "b")");
  EXPECT_EQ(refusal(R"({"inputs": {"a": [[1, 2]]}})", two),
            R"("inputs": input "b" is missing; the model takes "a", "b")");
  EXPECT_EQ(refusal(R"({"inputs": {}})", two), R"("inputs": input "a" is missing; the model takes "a", "b")");
  EXPECT_EQ(refusal(R"({"inputs": {"a": [[1, 2]], "b": ["x", "y"]}})", two),
            R"("inputs": input "b" has 2 items, input "a" has 1)");
  EXPECT_EQ(refusal(R"({"inputs": {"a": [[1, 2]], "a": [[1, 2]]}})", two),
            R"("inputs": input "a" is there twice)");
  EXPECT_EQ(refusal(R"({"inputs": {"a": [[1, 2]], "b": ["x"]}, "instances": []})", two),
            R"(there is "inputs" and "instances"; a request has one of them)");
  EXPECT_EQ(refusal(R"({"inputs": {"a": [[1, 2]], "b": ["x"]}, "inputs": {}})", two),
            R"("inputs" is there twice)");
  EXPECT_EQ(refusal(R"({"inputs": "x"})", texts_model()),
            R"("inputs": input "text": got the shape [], the model takes a list of items, each [1])");
  EXPECT_EQ(refusal(R"({"instances": [1, 2, 3, 4, 5]})", image_model()),
            R"("instances": input "x": got the shape [5], the model takes a list of items, each [2,3])");
  EXPECT_EQ(refusal(R"({"instances": ["a","b","c","d","e"]})", texts_model()),
            R"("instances": input "text": a batch of 5 is more than the model's max_batch_size of 4)");
  EXPECT_EQ(refusal(R"({"instances": [{"text":"a"},{"text":"a"},{"text":"a"},{"text":"a"},{"text":"a"}]})",
                    texts_model()),
            R"("instances": has more items than the model's max_batch_size of 4)");
  EXPECT_EQ(refusal(R"({"instances": [{"text": {"b64": "?"}}]})", texts_model()),
            R"("instances": item 0: input "text" has a "b64" that is no string of base64)");
  EXPECT_EQ(refusal(R"({"instances": ["a", {"b64": "aGk=", "b65": 1}]})", texts_model()),
            R"("instances": input "text" at [1] has an object that is not of the form {"b64": "…"})");
  EXPECT_EQ(refusal(R"({"signature_name": "other", "instances": ["a"]})", texts_model()),
            R"(there is no signature "other"; the model has "serving_default")");
  EXPECT_EQ(refusal(R"({"instances": ["a"], "signature_name": 1})", texts_model()),
            R"("signature_name" must be a string)");
  EXPECT_EQ(refusal(R"({"instances": ["a"]} {})", texts_model()),
            "there is something behind the JSON object");
  EXPECT_EQ(refusal(R"({"instances": [[nan, 1]]})", lone_model()),
            R"("instances": input "x" at [0][0] must be a number (FP32), got nan)");
  EXPECT_NE(refusal(R"({"instances": [)", two), "taken");
  EXPECT_NE(refusal(R"({"instances":)", texts_model()), "taken");
  const std::string deep = R"({"instances": [{"a": [[[[[[[[1]]]]]]]], "b": "x"}]})";
  EXPECT_EQ(refusal(deep, two), R"("instances": item 0: input "a" is nested too deep)");
}

TEST(V1Predict, TakesTheWordsThatJsonLacks) {
  const auto rows =
      elements<float>(good(R"({"instances": [[NaN, Infinity], [-Infinity, 1]]})", lone_model()));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_TRUE(std::isnan(rows[0]));
  EXPECT_EQ(rows[1], std::numeric_limits<float>::infinity());
  EXPECT_EQ(rows[2], -std::numeric_limits<float>::infinity());
  ModelSignature model;
  model.inputs = {{"x", DataType::kFp32, {-1}, {}}};
  model.max_batch_size = 2;
  const auto named = elements<float>(good(R"({"instances": [{"x": NaN}, {"x": 1}]})", model));
  ASSERT_EQ(named.size(), 2U);
  EXPECT_TRUE(std::isnan(named[0]));
  EXPECT_NE(refusal(R"({"instances": [{"x": nobody}]})", model), "taken");
  EXPECT_NE(refusal(R"({"instances": [{"a": [NaN, 1], "b": "x"}]})", two_model()), "taken");
}

TEST(V1Classify, TakesExamples) {
  const auto request = good(R"({"examples": [{"a": [1, 2], "b": ["x"]}, {"a": [3, 4], "b": "y"}]})",
                            two_model(), decode_v1_classify);
  EXPECT_EQ(request.batch, 2);
  EXPECT_EQ(elements<std::int64_t>(request), (std::vector<std::int64_t>{1, 2, 3, 4}));
}

TEST(V1Classify, TakesAFlatListForAnItem) {
  const auto request = good(R"({"examples": [{"x": [1, 2, 3, 4, 5, 6]}, {"x": [7, 8, 9, 10, 11, 12]}]})",
                            image_model(), decode_v1_classify);
  EXPECT_EQ(shape(request), "[2,2,3]");
  EXPECT_EQ(elements<float>(request)[6], 7);
}

TEST(V1Classify, AddsTheContextToEachExample) {
  for (const char* body : {R"({"context": {"b": "x"}, "examples": [{"a": [1, 2]}, {"a": [3, 4]}]})",
                           R"({"examples": [{"a": [1, 2]}, {"a": [3, 4]}], "context": {"b": "x"}})"}) {
    const auto request = good(body, two_model(), decode_v1_classify);
    EXPECT_EQ(texts(request, 1), (std::vector<std::string>{"x", "x"})) << body;
  }
  EXPECT_EQ(refusal(R"({"context": {"b": "x"}, "examples": [{"a": [1, 2], "b": "y"}]})", two_model(),
                    decode_v1_classify),
            R"("examples": item 0: input "b" is in "context" already)");
  EXPECT_EQ(refusal(R"({"context": {"c": 1}, "examples": [{"a": [1, 2]}]})", two_model(), decode_v1_classify),
            R"("context": there is no input "c"; the model takes "a", "b")");
}

TEST(V1Classify, BoundsWhatTheContextIsCopiedTo) {
  ModelSignature model;
  model.inputs = {{"a", DataType::kBytes, {-1}, {}}, {"b", DataType::kBytes, {-1}, {}}};
  model.max_batch_size = 1'000'000;
  std::string body = R"({"context": {"a": ")" + std::string(1'000'000, 'x') + R"("}, "examples": [)";
  for (int i = 0; i < 100; ++i) body += R"({"b": ""},)";
  body.back() = ']';
  EXPECT_EQ(refusal(body + "}", model, decode_v1_classify),
            R"("examples": item 67: "context" is too large for so many examples)");
}

TEST(V1Classify, SaysWhatIsWrong) {
  EXPECT_EQ(refusal("{}", two_model(), decode_v1_classify), R"(the body has no "examples")");
  EXPECT_EQ(refusal(R"({"examples": [[1]]})", image_model(), decode_v1_classify),
            R"("examples": item 0: must be an object with the inputs by name: "x")");
  EXPECT_EQ(refusal(R"({"examples": [{"x": [1, 2, 3]}]})", image_model(), decode_v1_classify),
            R"("examples": input "x": got the shape [1,3], the model takes a list of items, each [2,3])");
  EXPECT_NE(refusal(R"({"examples": [{"x": [1, 2, 3]}], "context": {)", image_model(), decode_v1_classify),
            "taken");
}

}  // namespace
}  // namespace saccade::protocol
