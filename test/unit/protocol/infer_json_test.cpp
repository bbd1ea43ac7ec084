// The JSON form of an inference request.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fake_regions.h"
#include "protocol/infer_request.h"
#include "signatures.h"

namespace saccade::protocol {
namespace {

using request::ModelSignature;
using tensor::DataType;
using tensor::Shape;

ModelSignature of(DataType type, const Shape& shape, std::int64_t max_batch_size) {
  ModelSignature model = model_of(type, shape, max_batch_size);
  model.outputs = {{"y", type, shape, {}}};
  return model;
}
// Two inputs and two outputs of [4] whole numbers, batched up to 8.
ModelSignature add_sub() {
  const Shape shape{-1, 4};
  ModelSignature model =
      model_of({{"A", DataType::kInt32, shape, {}}, {"B", DataType::kInt32, shape, {}}}, 8);
  model.outputs = {{"SUM", DataType::kInt32, shape, {}}, {"DIFFERENCE", DataType::kInt32, shape, {}}};
  return model;
}

FakeRegions& regions() {
  static FakeRegions all;
  return all;
}

base::Result<InferRequest> decode(std::string_view json, const ModelSignature& model,
                                  std::string_view behind = "") {
  const std::string body = padded(std::string(json) + std::string(behind));
  return decode_infer_json(body, json.size(), model, regions());
}

// `{"inputs": [{"name": "x", …}]}` for a model with the one input x.
base::Result<InferRequest> decode_x(const std::string& members, const ModelSignature& model,
                                    std::string_view behind = "") {
  return decode(R"({"inputs":[{"name":"x",)" + members + "}]}", model, behind);
}

std::string error(const base::Result<InferRequest>& decoded) {
  if (decoded) return "it was taken";
  EXPECT_EQ(decoded.error().code, base::Code::kInvalidArgument);
  return decoded.error().message;
}

template <typename T>
std::vector<T> values(const base::Result<InferRequest>& decoded, std::size_t input = 0) {
  if (!decoded) {
    ADD_FAILURE() << decoded.error().message;
    return {};
  }
  const auto span = decoded->inference.inputs[input].view().as<T>();
  return {span.begin(), span.end()};
}

using Int32s = std::vector<std::int32_t>;

const ModelSignature kWhole = of(DataType::kInt32, {-1, -1}, 8);
const std::string kHead = R"("datatype":"INT32",)";

TEST(InferJson, FlatOrNestedInAnyOrderOfMembers) {
  const Int32s four{1, 2, 3, 4};
  for (const char* members : {R"("shape":[2,2],"datatype":"INT32","data":[1,2,3,4])",
                              R"("shape":[2,2],"datatype":"INT32","data":[[1,2],[3,4]])",
                              R"("data":[[1,2],[3,4]],"datatype":"INT32","shape":[2,2])",
                              R"("shape":[2,2],"datatype":"INT32","data":[[1,2,3,4]])",
                              R"("shape":[2,2],"data" : [ [ [1], [2] ] , [[3],[4]] ],"datatype":"INT32")"}) {
    const auto decoded = decode_x(members, kWhole);
    EXPECT_EQ(values<std::int32_t>(decoded), four) << members;
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->inference.inputs[0].shape(), (Shape{2, 2}));
    EXPECT_EQ(decoded->inference.batch, 2);
    ASSERT_EQ(decoded->outputs.size(), 1U);
    EXPECT_FALSE(decoded->outputs[0].binary);
  }
}

TEST(InferJson, InputsInAnyOrder) {
  const auto decoded = decode(
      R"({"id":"mine","inputs":[{"name":"B","datatype":"INT32","shape":[1,4],"data":[5,6,7,8]},
         {"name":"A","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]}]})",
      add_sub());
  EXPECT_EQ(values<std::int32_t>(decoded, 0), (Int32s{1, 2, 3, 4}));
  EXPECT_EQ(values<std::int32_t>(decoded, 1), (Int32s{5, 6, 7, 8}));
  EXPECT_EQ(decoded->inference.client_id, "mine");
  ASSERT_EQ(decoded->outputs.size(), 2U);
  EXPECT_EQ(decoded->outputs[1].index, 1);
}

TEST(InferJson, EveryTypeThatJsonCanSay) {
  const auto one = [](DataType type, const std::string& data) {
    return decode_x(R"("shape":[1],"datatype":")" + std::string(tensor::data_type_name(type)) +
                        R"(","data":[)" + data + "]",
                    of(type, {-1}, 0));
  };
  EXPECT_EQ(values<std::uint8_t>(one(DataType::kBool, "true")), (std::vector<std::uint8_t>{1}));
  EXPECT_EQ(values<std::uint8_t>(one(DataType::kUint8, "255")), (std::vector<std::uint8_t>{255}));
  EXPECT_EQ(values<std::uint16_t>(one(DataType::kUint16, "65535")), (std::vector<std::uint16_t>{65535}));
  EXPECT_EQ(values<std::uint32_t>(one(DataType::kUint32, "7")), (std::vector<std::uint32_t>{7}));
  EXPECT_EQ(values<std::uint64_t>(one(DataType::kUint64, "18446744073709551615")),
            (std::vector{~std::uint64_t{0}}));
  EXPECT_EQ(values<std::int8_t>(one(DataType::kInt8, "-128")), (std::vector<std::int8_t>{-128}));
  EXPECT_EQ(values<std::int16_t>(one(DataType::kInt16, "-5")), (std::vector<std::int16_t>{-5}));
  EXPECT_EQ(values<std::int64_t>(one(DataType::kInt64, "-9223372036854775808")),
            (std::vector{std::numeric_limits<std::int64_t>::min()}));
  EXPECT_EQ(values<float>(one(DataType::kFp32, "0.25")), (std::vector{0.25F}));
  EXPECT_EQ(values<double>(one(DataType::kFp64, "1e-300")), (std::vector{1e-300}));
  for (const DataType half : {DataType::kFp16, DataType::kBf16}) {
    EXPECT_NE(error(one(half, "1")).find("has no JSON form; send it as binary data"), std::string::npos);
  }
}

TEST(InferJson, Strings) {
  const ModelSignature model = of(DataType::kBytes, {-1, -1}, 8);
  const auto decoded = decode_x(R"("data":["a",["b\u0000\n"]],"shape":[1,2],"datatype":"BYTES")", model);
  EXPECT_NE(error(decoded).find("[1]"), std::string::npos) << "ragged";
  const auto taken = decode_x(R"("data":[["a","é\u0000\n"]],"shape":[1,2],"datatype":"BYTES")", model);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->inference.inputs[0].strings(), (std::vector<std::string>{"a", std::string("é\0\n", 4)}));
  EXPECT_EQ(taken->inference.inputs[0].shape(), (Shape{1, 2}));
}

TEST(InferJson, WordsForWhatIsNotFinite) {
  const auto decoded = decode_x(R"("shape":[4],"datatype":"FP32","data":[NaN,Infinity,-Infinity,-1])",
                                of(DataType::kFp32, {-1}, 0));
  const auto read = values<float>(decoded);
  ASSERT_EQ(read.size(), 4U);
  EXPECT_TRUE(std::isnan(read[0]));
  EXPECT_EQ(read[1], INFINITY);
  EXPECT_EQ(read[2], -INFINITY);
  EXPECT_EQ(read[3], -1);
  EXPECT_NE(error(decode_x(R"("shape":[1],"datatype":"INT32","data":[NaN])", of(DataType::kInt32, {-1}, 0)))
                .find("whole number"),
            std::string::npos);
}

TEST(InferJson, BinaryBehindTheJson) {
  const Int32s a{1, 2, 3, 4};
  const Int32s b{5, 6, 7, 8};
  const auto bytes = [](const Int32s& numbers) {
    return std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * 4);
  };
  const auto input = [](const std::string& name, const std::string& rest) {
    return R"({"name":")" + name + R"(","datatype":"INT32","shape":[1,4],)" + rest + "}";
  };
  const std::string binary = R"("parameters":{"binary_data_size":16})";
  const auto both = [&](const std::string& first, const std::string& second) {
    return R"({"parameters":{"binary_data_output":true},"inputs":[)" + first + "," + second + "]}";
  };
  auto decoded = decode(both(input("B", binary), input("A", binary)), add_sub(), bytes(b) + bytes(a));
  EXPECT_EQ(values<std::int32_t>(decoded, 0), a);
  EXPECT_EQ(values<std::int32_t>(decoded, 1), b);
  EXPECT_TRUE(decoded->outputs[0].binary && decoded->outputs[1].binary);
  decoded = decode(both(input("A", R"("data":[1,2,3,4])"), input("B", binary)), add_sub(), bytes(b));
  EXPECT_EQ(values<std::int32_t>(decoded, 0), a);
  EXPECT_EQ(values<std::int32_t>(decoded, 1), b);
  EXPECT_NE(error(decode(both(input("A", binary), input("B", binary)), add_sub(), bytes(b)))
                .find("0 bytes are left"),
            std::string::npos);
  EXPECT_NE(error(decode(both(input("A", binary), input("B", binary)), add_sub(), bytes(a) + bytes(b) + "x"))
                .find("1 bytes follow the JSON"),
            std::string::npos);
}

TEST(InferJson, BinaryStringsAndTruthValues) {
  const ModelSignature texts = of(DataType::kBytes, {-1}, 0);
  const auto strings = [&](const std::string& bytes, int elements) {
    return decode_x(R"("datatype":"BYTES","shape":[)" + std::to_string(elements) +
                        R"(],"parameters":{"binary_data_size":)" + std::to_string(bytes.size()) + "}",
                    texts, bytes);
  };
  const std::string two("\1\0\0\0a\0\0\0\0", 9);
  const auto taken = strings(two, 2);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->inference.inputs[0].strings(), (std::vector<std::string>{"a", ""}));
  EXPECT_NE(error(strings(two, 1)).find("4 bytes follow the 1 elements"), std::string::npos);
  EXPECT_NE(error(strings(two, 3)).find("at least 4 each"), std::string::npos);
  EXPECT_NE(error(strings(std::string("\xFF\xFF\xFF\xFF", 4) + "aaaa", 1))
                .find("said to have 4294967295 bytes, 4 are"),
            std::string::npos);
  EXPECT_NE(error(strings(std::string("\5\0\0\0aaaaa\1\0", 11), 2)).find("element 1 of 2 has no room"),
            std::string::npos);

  const auto truth = decode_x(R"("datatype":"BOOL","shape":[3],"parameters":{"binary_data_size":3})",
                              of(DataType::kBool, {-1}, 0), std::string("\7\0\1", 3));
  EXPECT_EQ(values<std::uint8_t>(truth), (std::vector<std::uint8_t>{1, 0, 1}));
}

TEST(InferJson, LooksNotBehindTheJson) {
  const std::string quotes(200, '"');
  for (const char* cut : {R"({"id":)", R"({"inputs":)", R"({"inputs":[{"name":)",
                          R"({"inputs":[{"name":"x","data":[)", "{", "[", " "}) {
    EXPECT_NE(error(decode(cut, kWhole, quotes)), "it was taken") << cut;
  }
}

TEST(InferJson, EmptyTensors) {
  for (const char* data : {"[]", "[[]]"}) {
    const auto decoded = decode_x(kHead + R"("shape":[1,0],"data":)" + data, kWhole);
    EXPECT_EQ(values<std::int32_t>(decoded), Int32s{}) << data;
  }
  EXPECT_EQ(
      values<std::int32_t>(decode_x(kHead + R"("shape":[1,0],"parameters":{"binary_data_size":0})", kWhole)),
      Int32s{});
}

TEST(InferJson, RawBody) {
  const auto raw = [](std::string_view bytes, const ModelSignature& model) {
    return decode_infer_json(padded(bytes), 0, model, regions());
  };
  const std::string twelve("\1\0\0\0\2\0\0\0\3\0\0\0", 12);
  auto decoded = raw(twelve, kWhole);
  EXPECT_EQ(values<std::int32_t>(decoded), (Int32s{1, 2, 3}));
  EXPECT_EQ(decoded->inference.inputs[0].shape(), (Shape{1, 3}));
  EXPECT_TRUE(decoded->outputs[0].binary);
  EXPECT_EQ(raw(twelve, of(DataType::kInt32, {3}, 0))->inference.inputs[0].shape(), (Shape{3}));
  EXPECT_EQ(raw("", of(DataType::kInt32, {-1}, 0))->inference.inputs[0].shape(), (Shape{0}));
  EXPECT_EQ(raw("any\0text", of(DataType::kBytes, {-1, 1}, 8))->inference.inputs[0].strings()[0], "any");
  EXPECT_NE(error(raw(twelve, of(DataType::kInt32, {-1, 3, 2}, 8))).find("got 12 bytes, shape [1,3,2]"),
            std::string::npos);
  EXPECT_NE(error(raw(twelve, of(DataType::kInt32, {-1, -1, -1}, 8))).find("does not tell"),
            std::string::npos);
  EXPECT_NE(error(raw(twelve, of(DataType::kBytes, {-1, -1}, 8))).find("it was taken"), std::string::npos);
  EXPECT_NE(error(raw(twelve, of(DataType::kBytes, {-1, 2}, 8))).find("send JSON"), std::string::npos);
  EXPECT_NE(error(raw(twelve, add_sub())).find("one input"), std::string::npos);
}

TEST(InferJson, Outputs) {
  const std::string inputs =
      R"("inputs":[{"name":"A","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]},
                   {"name":"B","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]}])";
  const auto ask = [&](const std::string& rest) {
    return decode("{" + inputs + "," + rest + "}", add_sub());
  };
  auto decoded = ask(R"("outputs":[{"name":"DIFFERENCE","parameters":{"binary_data":true}},{"name":"SUM"}])");
  ASSERT_TRUE(decoded) << decoded.error().message;
  ASSERT_EQ(decoded->outputs.size(), 2U);
  // In the model's order.
  EXPECT_EQ(decoded->outputs[0].index, 0);
  EXPECT_FALSE(decoded->outputs[0].binary);
  EXPECT_EQ(decoded->outputs[1].index, 1);
  EXPECT_TRUE(decoded->outputs[1].binary);
  for (const char* all : {R"("outputs":[])", R"("outputs":null)"})
    EXPECT_EQ(ask(all)->outputs.size(), 2U) << all;
  // Named outputs say for themselves how they come.
  decoded = ask(R"("outputs":[{"name":"SUM"}],"parameters":{"binary_data_output":true})");
  EXPECT_FALSE(decoded->outputs[0].binary);
  decoded = ask(R"("outputs":[{"name":"SUM","parameters":{"classification":2}},{"name":"SUM"}])");
  ASSERT_EQ(decoded->outputs.size(), 1U);
  EXPECT_EQ(decoded->outputs[0].classification, 2);
  EXPECT_NE(error(ask(R"("outputs":[{"name":"PRODUCT"}])")).find(R"(gives "SUM", "DIFFERENCE")"),
            std::string::npos);
  EXPECT_NE(error(ask(R"("outputs":[{}])")).find(R"("outputs"[0]: "name" is missing)"), std::string::npos);
}

TEST(InferJson, OutputsWithoutJsonForm) {
  const ModelSignature half = of(DataType::kFp16, {-1}, 0);
  const auto ask = [&](const std::string& rest) {
    return decode(
        R"({"inputs":[{"name":"x","datatype":"FP16","shape":[1],"parameters":{"binary_data_size":2}}])" +
            rest + "}",
        half, std::string("\0\x3C", 2));
  };
  EXPECT_NE(error(ask("")).find(R"(output "y" is FP16, which has no JSON form)"), std::string::npos);
  EXPECT_TRUE(ask(R"(,"parameters":{"binary_data_output":true})"));
  EXPECT_TRUE(ask(R"(,"outputs":[{"name":"y","parameters":{"binary_data":true}}])"));
  EXPECT_NE(
      error(ask(R"(,"outputs":[{"name":"y","parameters":{"classification":1}}])")).find("needs numbers"),
      std::string::npos);
}

TEST(InferJson, RequestParameters) {
  const auto ask = [](const std::string& parameters) {
    return decode(
        R"({"parameters":{)" + parameters + R"(},"inputs":[{"name":"x","datatype":"INT32","shape":[1,1],
                  "data":[7],"unknown":[{"a":1}]}],"unknown":{"b":[null]}})",
        kWhole);
  };
  auto decoded =
      ask(R"("priority":3,"timeout":1500,"mine":"a","other":1.5,"flag":true,"big":18446744073709551615)");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->inference.priority, 3U);
  EXPECT_EQ(decoded->inference.queue_timeout, std::chrono::microseconds(1500));
  EXPECT_GT(ask(R"("timeout":18446744073709551615)")->inference.queue_timeout.count(), 0);
  EXPECT_TRUE(ask(R"("sequence_id":5,"sequence_start":true,"sequence_end":false)"));
  EXPECT_TRUE(ask(R"("sequence_id":"five")"));
  EXPECT_TRUE(ask(R"("priority":null)"));
  EXPECT_NE(error(ask("\"priority\":4\x05")).find("not valid JSON"), std::string::npos);
  for (const char* wrong : {R"("priority":"1")", R"("priority":-1)", R"("priority":1.5)",
                            R"("priority":true)", R"("priority":18446744073709551616)", R"("timeout":[])",
                            R"("sequence_start":1)", R"("sequence_id":true)", R"("binary_data_output":1)",
                            R"("triton_mine":1)", R"("mine":{})", R"("priority":1,"priority":1)"}) {
    EXPECT_NE(error(ask(wrong)).find("parameter \""), std::string::npos) << wrong;
  }
}

TEST(InferJson, WrongMembersAreNamed) {
  const std::string good = R"("shape":[1,1],"datatype":"INT32","data":[5])";
  struct Case {
    std::string json;
    std::string message;
  };
  const auto x = [](const std::string& members) { return R"({"inputs":[{"name":"x",)" + members + "}]}"; };
  for (const Case& one : {
           Case{"[]", "must be a JSON object"},
           Case{"5", "must be a JSON object"},
           Case{"{", "not valid JSON"},
           Case{"{}", "\"inputs\" is missing"},
           Case{R"({"inputs":{}})", "\"inputs\" must be a list"},
           Case{R"({"inputs":null})", "\"inputs\" must be a list"},
           Case{R"({"inputs":[5]})", "\"inputs\"[0] must be an object"},
           Case{R"({"inputs":[{}]})", "\"inputs\"[0]: \"name\" is missing"},
           Case{R"({"inputs":[]})", "input \"x\" is missing"},
           Case{R"({"inputs":[{"name":5,)" + good + "}]}", "\"inputs\"[0]: \"name\" must be a string"},
           Case{R"({"inputs":[{"name":"z",)" + good + "}]}", "there is no input \"z\""},
           Case{x(R"("name":"x",)" + good), "\"name\" is there twice"},
           Case{x(good + R"(,"shape":[1,1])"), "\"shape\" is there twice"},
           Case{x(good) + " {}", "something behind"},
           Case{x(good) + " 1", "not valid JSON"},
           Case{R"({"inputs":[{"name":"x",)" + good + R"(},{"name":"x",)" + good + "}]}",
                "input \"x\" is there twice"},
           Case{R"({"inputs":[],"inputs":[]})", "\"inputs\" is there twice"},
           Case{R"({"id":5,"inputs":[]})", "\"id\" must be a string"},
           Case{R"({"id":"a","id":"b"})", "\"id\" is there twice"},
           Case{R"({"parameters":[],"inputs":[]})", "\"parameters\" must be an object"},
           Case{R"({"outputs":"y"})", "\"outputs\" must be a list"},
           Case{R"({"outputs":[{"name":"y","parameters":{"binary_data":"yes"}}]})",
                "parameter \"binary_data\" of output"},
           Case{R"({"outputs":[{"name":"y","parameters":{"classification":-1}}]})",
                "parameter \"classification\" of"},
           Case{R"({"outputs":[{"name":"y","parameters":{"shared_memory_byte_size":1}}]})",
                "\"shared_memory_region\" beside"},
           Case{R"({"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]})",
                "\"shared_memory_byte_size\" beside"},
           Case{x(R"("datatype":"INT32","data":[5])"), "\"shape\" is missing"},
           Case{x(R"("shape":[1,1],"data":[5])"), "\"datatype\" is missing"},
           Case{x(R"("shape":[1,1],"datatype":"INT32")"), "has no data"},
           Case{x(good + R"(,"parameters":{"binary_data_size":4})"), "more than one place"},
           Case{x(good + R"(,"parameters":{"binary_data_size":[4]})"),
                "\"binary_data_size\" of input \"x\" must be"},
           Case{x(good + R"(,"parameters":7)"), "input \"x\": \"parameters\" must be an object"},
           Case{x(R"("shape":[1,1],"datatype":"FP32","data":[5])"),
                "\"datatype\" is \"FP32\", the model takes INT32"},
           Case{x(R"("shape":"1","datatype":"INT32","data":[5])"), "\"shape\" must be a list"},
           Case{x(R"("shape":[1,1.5],"datatype":"INT32","data":[5])"), "\"shape\" must be a list"},
           Case{x(R"("shape":[1,"1"],"datatype":"INT32","data":[5])"), "\"shape\" must be a list"},
           Case{x(R"("shape":[1,-1],"datatype":"INT32","data":[5])"), "sizes are 0 or more"},
           Case{x(R"("shape":[0,1],"datatype":"INT32","data":[])"), "a batch of 0"},
           Case{x(R"("shape":[9,1],"datatype":"INT32","data":[])"), "takes 1 to 8 (max_batch_size)"},
           Case{x(R"("shape":[1],"datatype":"INT32","data":[5])"), "the first size is the batch's"},
           Case{x(R"("shape":[],"datatype":"INT32","data":[5])"), "\"shape\" is []"},
           Case{x(R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"datatype":"INT32","data":[5])"),
                "at most 16"},
           Case{x(R"("shape":[8,4611686018427387904],"datatype":"INT32","data":[5])"),
                "than any memory holds"},
           Case{x(R"("shape":[1,1000000000000],"datatype":"INT32","data":[5])"), "\"data\" has 1 elements"},
           Case{x(R"("shape":[1,1],"datatype":"INT32","data":[5,6])"), "\"data\" has 2 elements"},
           Case{x(R"("shape":[1,1],"datatype":"INT32","data":5)"), "\"data\" must be a list"},
           Case{x(R"("shape":[1,1],"datatype":"INT32","data":["5"])"),
                "input \"x\" at [0] must be a whole number"},
           Case{x(R"("shape":[1,1],"datatype":"INT32","data":[5.0])"), "must be a whole number"},
           Case{x(R"("shape":[1,1],"datatype":"INT32","data":[2147483648])"), "out of the range of INT32"},
           Case{x(R"("shape":[1,2],"datatype":"INT32","data":[[5],[6,7]])"), "in another beside it"},
       }) {
    EXPECT_NE(error(decode(one.json, kWhole)).find(one.message), std::string::npos)
        << one.json << "\n"
        << error(decode(one.json, kWhole));
  }
}

TEST(InferJson, ShortNumbersInARow) {
  const ModelSignature model = of(DataType::kFp32, {-1}, 0);
  const auto read = [&](const std::string& data, int elements) {
    return decode_x(R"("datatype":"FP32","shape":[)" + std::to_string(elements) + R"(],"data":)" + data,
                    model);
  };
  EXPECT_EQ(values<float>(read("[1,2,3]", 3)), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(values<float>(read("[ 1 , 2 , 2.5,3,-4 ,5]", 6)), (std::vector<float>{1, 2, 2.5, 3, -4, 5}));
  EXPECT_EQ(values<float>(read("[-1.5,2]", 2)), (std::vector<float>{-1.5, 2}));
  for (const char* wrong :
       {"[1,,2]", "[1,2,,3]", "[1,2,3,]", "[1 2]", "[1,2 3]", "[1,2,03]", "[1,]", "[,1]"}) {
    EXPECT_NE(error(read(wrong, 3)), "it was taken") << wrong;
  }
}

TEST(InferJson, BatchesOfTheInputsAgree) {
  const auto decoded = decode(R"({"inputs":[{"name":"A","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]},
                              {"name":"B","datatype":"INT32","shape":[2,4],"data":[1,2,3,4,1,2,3,4]}]})",
                              add_sub());
  EXPECT_NE(error(decoded).find(R"(input "A" has a batch of 1)"), std::string::npos);
}

TEST(InferJson, NullIsAsGoodAsNothing) {
  const auto decoded =
      decode(R"({"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"x","shape":[1,1],
                              "datatype":"INT32","parameters":null,"data":[5]}]})",
             kWhole);
  EXPECT_EQ(values<std::int32_t>(decoded), (Int32s{5}));
}

TEST(InferJson, ByteOrderMarkInFront) {
  EXPECT_EQ(values<std::int32_t>(decode("\xEF\xBB\xBF{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],"
                                        "\"datatype\":\"INT32\",\"data\":[5]}]}",
                                        kWhole)),
            (Int32s{5}));
}

TEST(InferJson, InputsAndOutputsInSharedMemory) {
  regions().memory["in"] = std::string("\1\0\0\0\2\0\0\0", 8);
  const auto ask = [](const std::string& slice, const std::string& rest = "") {
    return decode(R"({"inputs":[{"name":"x","datatype":"INT32","shape":[1,1],"parameters":{)" + slice +
                      "}}]" + rest + "}",
                  kWhole);
  };
  EXPECT_EQ(values<std::int32_t>(ask(R"("shared_memory_region":"in","shared_memory_byte_size":4)")),
            (Int32s{1}));
  EXPECT_EQ(values<std::int32_t>(
                ask(R"("shared_memory_region":"in","shared_memory_byte_size":4,"shared_memory_offset":4)")),
            (Int32s{2}));
  EXPECT_NE(error(ask(R"("shared_memory_region":"in","shared_memory_byte_size":8)")).find("got 8 bytes"),
            std::string::npos);
  EXPECT_NE(error(ask(R"("shared_memory_region":"in","shared_memory_byte_size":4,"shared_memory_offset":6)"))
                .find("input \"x\": "),
            std::string::npos);
  EXPECT_NE(error(ask(R"("shared_memory_region":"in","shared_memory_byte_size":4,
                         "shared_memory_offset":18446744073709551615)"))
                .find("than any memory holds"),
            std::string::npos);
  const auto decoded = ask(R"("shared_memory_region":"in","shared_memory_byte_size":4)",
                           R"(,"outputs":[{"name":"y","parameters":{"shared_memory_region":"out",
                               "shared_memory_byte_size":4,"shared_memory_offset":2}}])");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->outputs[0].shared_memory->region, "out");
  EXPECT_EQ(decoded->outputs[0].shared_memory->offset, 2U);
  const std::string region = R"("shared_memory_region":"out","shared_memory_byte_size":4,)";
  for (const char* second : {R"("classification":1)", R"("binary_data":true)"}) {
    EXPECT_NE(error(ask(R"("shared_memory_region":"in","shared_memory_byte_size":4)",
                        R"(,"outputs":[{"name":"y","parameters":{)" + region + second + "}}]"))
                  .find("exclude each other"),
              std::string::npos);
  }
}

TEST(InferJson, MemoryThatIsNotThereIsNotAskedFor) {
  regions().memory["in"] = "small";
  const auto decoded = decode_x(R"("datatype":"INT32","shape":[1,1000000000000],"parameters":{
                                "shared_memory_region":"in","shared_memory_byte_size":4000000000000})",
                                kWhole);
  EXPECT_NE(error(decoded).find("has no such slice"), std::string::npos);
}

}  // namespace
}  // namespace saccade::protocol
