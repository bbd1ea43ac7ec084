#include "protocol/predict_request.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signatures.h"
#include "tensor/half.h"

namespace saccade::protocol {
namespace {

using request::ModelSignature;
using tensor::DataType;

base::Result<PredictRequest> decode(std::string_view json, const ModelSignature& model) {
  const std::string text = padded(json);
  return decode_predict(text, model);
}

PredictRequest good(std::string_view json, const ModelSignature& model) {
  auto request = decode(json, model);
  EXPECT_TRUE(request) << json << ": " << (request ? "" : request.error().message);
  return request ? *std::move(request) : PredictRequest{};
}

std::string refusal(std::string_view json, const ModelSignature& model) {
  const auto request = decode(json, model);
  if (request) return "taken";
  EXPECT_EQ(request.error().code, base::Code::kInvalidArgument);
  return request.error().message;
}

template <typename T>
std::vector<T> elements(const PredictRequest& request, std::size_t input = 0) {
  if (request.inputs.size() <= input) return {};
  const auto view = request.inputs[input].view().as<T>();
  return {view.begin(), view.end()};
}

std::string shape(const PredictRequest& request, std::size_t input = 0) {
  return request.inputs.size() <= input ? "none" : request.inputs[input].shape().text();
}

TEST(DecodePredict, TakesOneItem) {
  const auto request = good(R"({"x": [[1, 2.5, -3], [4e2, 0, 6]]})", image_model());
  EXPECT_EQ(shape(request), "[1,2,3]");
  EXPECT_EQ(request.batch, 1);
  EXPECT_TRUE(request.single);
  EXPECT_EQ(request.id, "");
  EXPECT_EQ(elements<float>(request), (std::vector<float>{1, 2.5, -3, 400, 0, 6}));
}

TEST(DecodePredict, TakesAListOfItems) {
  const auto request = good(R"({"x": [[[1,2,3],[4,5,6]], [[7,8,9],[10,11,12]]]})", image_model());
  EXPECT_EQ(shape(request), "[2,2,3]");
  EXPECT_EQ(request.batch, 2);
  EXPECT_FALSE(request.single);
}

TEST(DecodePredict, ListOfOneIsAList) {
  const auto request = good(R"({"x": [[[1,2,3],[4,5,6]]]})", image_model());
  EXPECT_EQ(request.batch, 1);
  EXPECT_FALSE(request.single);
}

TEST(DecodePredict, TakesABareTextAndAListOfTexts) {
  const auto one = good(R"({"x": "caf\u00e9 \"x\" \ud83d\ude00"})", text_model());
  EXPECT_EQ(shape(one), "[1,1]");
  EXPECT_TRUE(one.single);
  EXPECT_EQ(one.inputs[0].strings(), std::vector<std::string>{"café \"x\" 😀"});
  const auto two = good(R"({"x": ["a", ""]})", text_model());
  EXPECT_EQ(shape(two), "[2,1]");
  EXPECT_FALSE(two.single);
  EXPECT_EQ(two.inputs[0].strings(), (std::vector<std::string>{"a", ""}));
}

TEST(DecodePredict, DimensionsOfSizeOneMayBeLeftOut) {
  const auto model = model_of(DataType::kFp32, {-1, 1, 2, 1});
  EXPECT_EQ(shape(good(R"({"x": [1,2]})", model)), "[1,1,2,1]");
  EXPECT_EQ(shape(good(R"({"x": [[1,2],[3,4],[5,6]]})", model)), "[3,1,2,1]");
  EXPECT_EQ(shape(good(R"({"x": [[[[1],[2]]]]})", model)), "[1,1,2,1]");
}

TEST(DecodePredict, ModelWithoutBatchesTakesItsShapeAsItIs) {
  const auto model = model_of(DataType::kInt32, {2, -1}, 0);
  const auto request = good(R"({"x": [[1,2,3],[4,5,6]]})", model);
  EXPECT_EQ(shape(request), "[2,3]");
  EXPECT_EQ(request.batch, 1);
  EXPECT_TRUE(request.single);
  EXPECT_EQ(refusal(R"({"x": [[[1],[2]]]})", model),
            "input \"x\": got shape [1,2,1], the model takes [2,-1]");
}

TEST(DecodePredict, InputsComeInTheOrderOfTheSignature) {
  const auto model = model_of({{"a", DataType::kInt64, {-1}, {}}, {"b", DataType::kBytes, {-1}, {}}}, 4);
  const auto request = good(R"({"b": ["u", "v"], "id": "mine", "a": [1, 2]})", model);
  EXPECT_EQ(elements<std::int64_t>(request, 0), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(request.inputs[1].strings(), (std::vector<std::string>{"u", "v"}));
}

TEST(DecodePredict, IdIsKeptAsItWasWritten) {
  for (const char* id :
       {"\"mine\"", "\"a\\u0041\\n\"", "7", "-0.50", "1e3", "\"\"", "18446744073709551616"}) {
    EXPECT_EQ(good(std::string("{\"id\" : ") + id + " , \"x\": \"t\"}", text_model()).id, id);
    EXPECT_EQ(good(std::string("{\"x\": \"t\", \"id\": ") + id + " \n}", text_model()).id, id);
  }
}

TEST(DecodePredict, AnInputMayBeNamedId) {
  const auto model = model_of({{"id", DataType::kInt64, {-1}, {}}}, 4);
  const auto request = good(R"({"id": 7})", model);
  EXPECT_EQ(elements<std::int64_t>(request), std::vector<std::int64_t>{7});
  EXPECT_EQ(request.id, "");
}

template <typename T>
std::vector<T> numbers(DataType type, std::string_view list) {
  const auto model = model_of(type, {-1}, 0);
  return elements<T>(good("{\"x\": [" + std::string(list) + "]}", model));
}

TEST(DecodePredict, TakesTheEndsOfEachType) {
  EXPECT_EQ(numbers<std::int8_t>(DataType::kInt8, "-128, 127"), (std::vector<std::int8_t>{-128, 127}));
  EXPECT_EQ(numbers<std::uint8_t>(DataType::kUint8, "0, 255"), (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(numbers<std::int16_t>(DataType::kInt16, "-32768, 32767"),
            (std::vector<std::int16_t>{-32768, 32767}));
  EXPECT_EQ(numbers<std::uint16_t>(DataType::kUint16, "65535"), (std::vector<std::uint16_t>{65535}));
  EXPECT_EQ(numbers<std::int32_t>(DataType::kInt32, "-2147483648"),
            (std::vector<std::int32_t>{-2147483647 - 1}));
  EXPECT_EQ(numbers<std::uint32_t>(DataType::kUint32, "4294967295"),
            (std::vector<std::uint32_t>{4294967295U}));
  EXPECT_EQ(numbers<std::int64_t>(DataType::kInt64, "-9223372036854775808, 9223372036854775807"),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(),
                                       std::numeric_limits<std::int64_t>::max()}));
  EXPECT_EQ(numbers<std::uint64_t>(DataType::kUint64, "18446744073709551615"),
            (std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()}));
  EXPECT_EQ(numbers<std::uint8_t>(DataType::kBool, "true, false, 1, 0"),
            (std::vector<std::uint8_t>{1, 0, 1, 0}));
  EXPECT_EQ(numbers<double>(DataType::kFp64, "1.7976931348623157e308, 5e-324, -0.0"),
            (std::vector<double>{std::numeric_limits<double>::max(), 5e-324, -0.0}));
}

// The shortest digits of the largest value of a type may lie above it as a double; they are what a server
// writes.
TEST(DecodePredict, TakesTheLargestRealsAsTheyAreWritten) {
  EXPECT_EQ(numbers<float>(DataType::kFp32, "3.4028235e+38, -3.4028235e+38, 1e-45"),
            (std::vector<float>{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(),
                                std::numeric_limits<float>::denorm_min()}));
  EXPECT_EQ(numbers<std::uint16_t>(DataType::kFp16, "65504, -65504"),
            (std::vector<std::uint16_t>{0x7BFF, 0xFBFF}));
  EXPECT_EQ(numbers<std::uint16_t>(DataType::kBf16, "3.3895314e+38"), (std::vector<std::uint16_t>{0x7F7F}));
}

TEST(DecodePredict, TooSmallIsZeroAndTooLargeIsRefused) {
  const std::string zeros(400, '0');
  for (const std::string number : {"1e-400", "0.1E-400", "1234e-999999999999", "0e999"}) {
    EXPECT_EQ(numbers<double>(DataType::kFp64, number), std::vector<double>{0}) << number;
  }
  EXPECT_EQ(numbers<double>(DataType::kFp64, "0." + zeros + "1"), std::vector<double>{0});
  EXPECT_EQ(numbers<double>(DataType::kFp64, "0." + zeros + "1e401"), std::vector<double>{1});
  for (const std::string number : {"1e400", "0.1e400", "-0.01E+500", "1e999999999999"}) {
    EXPECT_EQ(refusal("{\"x\": " + number + "}", model_of(DataType::kFp64, {-1})),
              "input \"x\" is out of the range of FP64")
        << number;
  }
  EXPECT_NE(refusal("{\"x\": 1" + zeros + "e-10}", model_of(DataType::kFp64, {-1})), "taken");
}

TEST(DecodePredict, WholeAndBrokenNumbersMix) {
  EXPECT_EQ(numbers<float>(DataType::kFp32, "1, 2.5, 3, -4, 1e2, 18446744073709551615, 0.1, 7"),
            (std::vector<float>{1, 2.5, 3, -4, 100, 18446744073709551615.0F, 0.1F, 7}));
}

TEST(DecodePredict, GrowsBeyondWhatItExpected) {
  const auto model = model_of(DataType::kFp32, {-1, -1}, 4);
  std::string json = "{\"x\": [0";
  for (int i = 1; i < 3000; ++i) json += "," + std::to_string(i);
  const auto values = elements<float>(good(json + "]}", model));
  ASSERT_EQ(values.size(), 3000U);
  EXPECT_EQ(values[2999], 2999.0F);
}

TEST(DecodePredict, TakesEightDimensionsAndNoMore) {
  const auto model = model_of(DataType::kFp32, {1, 1, 1, 1, 1, 1, 1, 1}, 0);
  EXPECT_EQ(shape(good(R"({"x": [[[[[[[[5]]]]]]]]})", model)), "[1,1,1,1,1,1,1,1]");
  EXPECT_EQ(refusal(R"({"x": [[[[[[[[[5]]]]]]]]]})", model),
            "input \"x\" at [0][0][0][0][0][0][0][0] is nested deeper than 8 levels");
}

struct Refused {
  const char* json;
  const char* message;
};

TEST(DecodePredict, RefusesWithTheInputAndThePlace) {
  const Refused cases[] = {
      {"", "the body is empty; send a JSON object with the inputs by name: \"x\""},
      {"[1]", "the body must be a JSON object with the inputs by name: \"x\""},
      {"7", "the body must be a JSON object with the inputs by name: \"x\""},
      {"{}", "input \"x\" is missing; the model takes \"x\""},
      {R"({"id": 1})", "input \"x\" is missing; the model takes \"x\""},
      {R"({"y": 1})", "there is no input \"y\"; the model takes \"x\""},
      {R"({"x": [[1,2,3],[4,5,6]], "x": 1})", "input \"x\" is there twice"},
      {R"({"id": 1, "x": [[1,2,3],[4,5,6]], "id": 2})", "\"id\" is there twice"},
      {R"({"id": null, "x": 1})", "\"id\" must be a string or a number"},
      {R"({"id": [1], "x": 1})", "\"id\" must be a string or a number"},
      {R"({"x": [[1,2,3],[4,5,6]]} {})", "there is something behind the JSON object"},
      {R"({"x": 1})",
       "input \"x\": got shape [], the model takes [2,3] for one item, or a list of such for a batch"},
      {R"({"x": [[1,2],[3,4]]})",
       "input \"x\": got shape [2,2], the model takes [2,3] for one item, or a list of such for a batch"},
      {R"({"x": [1,2,3,4,5,6]})",
       "input \"x\": got shape [6], the model takes [2,3] for one item, or a list of such for a batch"},
      {R"({"x": []})",
       "input \"x\": got shape [0], the model takes [2,3] for one item, or a list of such for a batch"},
      {R"({"x": [[1,2,3],[4,5]]})",
       "input \"x\" at [1] has 2 items in one list and 3 in another beside it; all must be as long"},
      {R"({"x": [[[1,2,3],[4,5,6]],[[1,2,3]]]})",
       "input \"x\" at [1] has 1 items in one list and 2 in another beside it; all must be as long"},
      {R"({"x": [[1,2,3],4]})", "input \"x\" at [1] has a single value where the first rows have lists"},
      {R"({"x": [[1,2,[3]],[4,5,6]]})",
       "input \"x\" at [0][2] has a list where the first rows have single values"},
      {R"({"x": [[1,2,3],[4,5,"six"]]})", "input \"x\" at [1][2] must be a number (FP32), got \"six\""},
      {R"({"x": [[1,2,3],[4,null ,6]]})", "input \"x\" at [1][1] must be a number (FP32), got null"},
      {R"({"x": [[1,2,true],[4,5,6]]})", "input \"x\" at [0][2] must be a number (FP32), got true"},
      {R"({"x": {"a": 1}})", "input \"x\" must be a number (FP32), got {"},
      {R"({"x": [[1,2,3.5e38],[4,5,6]]})", "input \"x\" at [0][2] is out of the range of FP32"},
      {R"({"x": [[1,2,-3.4028236e38],[4,5,6]]})", "input \"x\" at [0][2] is out of the range of FP32"},
      {R"({"x": [[1,2,NaN],[4,5,6]]})", "input \"x\" at [0][2] must be a number (FP32), got NaN"},
      {R"({"x": [[1,2,1e999],[4,5,6]]})", "input \"x\" at [0][2] is out of the range of FP32"},
      {R"({"x": [[1,2,0123],[4,5,6]]})",
       "input \"x\" at [0][2] is not valid JSON: a list needs a comma or an end here"},
      {R"({"x": [[1,2,3,],[4,5,6]]})", "input \"x\" at [0][3] must be a number (FP32), got ]"},
      {R"({"x": [[1,2,-],[4,5,6]]})", "input \"x\" at [0][2] must be a number (FP32), got -"},
      {R"({"x": [[1 2,3],[4,5,6]]})",
       "input \"x\" at [0][0] is not valid JSON: a list needs a comma or an end here"},
      {R"({"x": [[1,2,1.],[4,5,6]]})", "input \"x\" at [0][2] must be a number (FP32), got 1."},
  };
  for (const auto& [json, message] : cases) EXPECT_EQ(refusal(json, image_model()), message) << json;
}

TEST(DecodePredict, RefusesABatchThatIsEmptyOrTooLarge) {
  EXPECT_EQ(refusal(R"({"x": []})", text_model()), "input \"x\": the batch is empty");
  EXPECT_EQ(refusal(R"({"x": ["1","2","3","4","5"]})", text_model()),
            "input \"x\": a batch of 5 is more than the model's max_batch_size of 4");
}

TEST(DecodePredict, RefusesInputsOfDifferentBatches) {
  const auto model = model_of({{"a", DataType::kInt64, {-1}, {}}, {"b", DataType::kInt64, {-1}, {}}}, 4);
  EXPECT_EQ(refusal(R"({"b": [1,2,3], "a": [1,2]})", model), "input \"a\" has 2 items, input \"b\" has 3");
  EXPECT_EQ(refusal(R"({"b": [1,2,3]})", model), "input \"a\" is missing; the model takes \"a\", \"b\"");
}

TEST(DecodePredict, RefusesNumbersThatDoNotFitTheType) {
  const struct {
    DataType type;
    const char* json;
    const char* message;
  } cases[] = {
      {DataType::kInt8, "128", "input \"x\" is out of the range of INT8"},
      {DataType::kUint8, "-1", "input \"x\" is out of the range of UINT8"},
      {DataType::kUint8, "256", "input \"x\" is out of the range of UINT8"},
      {DataType::kInt32, "2147483648", "input \"x\" is out of the range of INT32"},
      {DataType::kInt64, "9223372036854775808", "input \"x\" is out of the range of INT64"},
      {DataType::kInt64, "1e2", "input \"x\" must be a whole number (INT64), got 1e2"},
      {DataType::kInt64, "1.5", "input \"x\" must be a whole number (INT64), got 1.5"},
      {DataType::kUint64, "-1", "input \"x\" is out of the range of UINT64"},
      {DataType::kFp16, "65520", "input \"x\" is out of the range of FP16"},
      {DataType::kBf16, "-3.4e38", "input \"x\" is out of the range of BF16"},
      {DataType::kBool, "2", "input \"x\" must be true or false (BOOL), got 2"},
      {DataType::kBool, "\"true\"", "input \"x\" must be true or false (BOOL), got \"true\""},
      {DataType::kBytes, "3", "input \"x\" must be a string (BYTES), got 3"},
      {DataType::kBytes, "null", "input \"x\" must be a string (BYTES), got null"},
  };
  for (const auto& [type, json, message] : cases) {
    EXPECT_EQ(refusal("{\"x\": " + std::string(json) + "}", model_of(type, {-1})), message);
  }
}

TEST(DecodePredict, LongValuesAreCutInMessages) {
  const std::string message =
      refusal("{\"x\": " + std::string(500, '9') + "z}", model_of(DataType::kInt64, {-1}));
  EXPECT_LT(message.size(), 150U);
  EXPECT_LT(refusal("{\"" + std::string(5000, 'n') + "\": 1}", image_model()).size(), 200U);
  EXPECT_EQ(refusal("{\"id\": \"" + std::string(300, 'i') + "\"}", image_model()),
            "\"id\" is longer than 256 characters");
}

// Whatever place a message is cut at, or a byte is spoilt at, it is refused, not read past its end.
TEST(DecodePredict, RefusesEveryTruncation) {
  const std::string_view whole = R"({"id": "a\"b", "x": [[1, 2.5, -3], [4e2, 0, 6]]})";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(refusal(whole.substr(0, length), image_model()), "taken") << length;
  }
}

TEST(DecodePredict, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(refusal("{\"x\": \"caf\xE9\"}", text_model()), "the body is not valid JSON: it is not UTF-8");
  EXPECT_NE(refusal("{\"x\": \"a\nb\"}", text_model()), "taken");
  EXPECT_NE(refusal(R"({"x": "\ud83d"})", text_model()), "taken");
  EXPECT_NE(refusal(R"({"x": "\q"})", text_model()), "taken");
}

TEST(DecodePredict, RefusesDeepNestingWithoutGoingDeep) {
  const std::string deep(200'000, '[');
  EXPECT_NE(refusal("{\"x\": " + deep, image_model()), "taken");
  EXPECT_NE(refusal("{\"id\": " + deep, image_model()), "taken");
  EXPECT_NE(refusal(deep, image_model()), "taken");
}

TEST(FindId, FindsTheIdOfABadMessage) {
  EXPECT_EQ(find_id(padded(R"({"x": [[1], 2], "id": "mine"})")), "\"mine\"");
  EXPECT_EQ(find_id(padded(R"({"id": 7, "x": tru})")), "7");
  EXPECT_EQ(find_id(padded(R"({"id": 7, "x": [)")), "");
  EXPECT_EQ(find_id(padded(R"({"x": 1})")), "");
  EXPECT_EQ(find_id(padded(R"({"id": {}})")), "");
  EXPECT_EQ(find_id(padded("[1]")), "");
  EXPECT_EQ(find_id(padded("")), "");
}

std::string raw_refusal(std::string_view bytes, const ModelSignature& model) {
  const auto request = decode_raw(bytes, model);
  return request ? "taken" : request.error().message;
}

TEST(DecodeRaw, TakesOneItemAndABatch) {
  const std::string item(24, '\0');
  const auto one = decode_raw(item, image_model());
  ASSERT_TRUE(one);
  EXPECT_EQ(shape(*one), "[1,2,3]");
  EXPECT_TRUE(one->single);
  const auto three = decode_raw(item + item + item, image_model());
  ASSERT_TRUE(three);
  EXPECT_EQ(shape(*three), "[3,2,3]");
  EXPECT_EQ(three->batch, 3);
  EXPECT_FALSE(three->single);
}

TEST(DecodeRaw, TheWholeIsOneText) {
  const auto request = decode_raw(std::string_view("a\0b", 3), text_model());
  ASSERT_TRUE(request);
  EXPECT_EQ(shape(*request), "[1,1]");
  EXPECT_EQ(request->inputs[0].strings(), std::vector<std::string>{std::string("a\0b", 3)});
}

TEST(DecodeRaw, RefusesWhatIsNoWholeNumberOfItems) {
  const char* rest = ", one item has 24 ([2,3] of FP32) and a message at most 4 of them";
  for (const std::size_t size : {0U, 1U, 23U, 25U, 120U}) {
    EXPECT_EQ(raw_refusal(std::string(size, 'x'), image_model()),
              "input \"x\": got " + std::to_string(size) + " bytes" + rest);
  }
  EXPECT_EQ(
      raw_refusal("1234", model_of({{"a", DataType::kFp32, {-1}, {}}, {"b", DataType::kFp32, {-1}, {}}}, 4)),
      "raw bytes are taken only by models with a single input; this one has 2: send JSON");
  EXPECT_EQ(raw_refusal("1234", model_of(DataType::kFp32, {-1, -1})),
            "input \"x\" has free dimensions [-1,-1], which raw bytes don't tell: send JSON");
  EXPECT_EQ(raw_refusal("1234", model_of(DataType::kBytes, {-1, 2})),
            "input \"x\" takes more than one string: send JSON");
}

}  // namespace
}  // namespace saccade::protocol
