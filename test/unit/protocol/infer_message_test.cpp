// The protobuf form of an inference request.
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fake_regions.h"
#include "grpc_service.pb.h"
#include "protocol/infer_fields.h"
#include "protocol/infer_request.h"
#include "signatures.h"

namespace saccade::protocol {
namespace {

using inference::ModelInferRequest;
using tensor::DataType;
using tensor::Shape;

request::ModelSignature of(DataType type, const Shape& shape, std::int64_t max_batch_size) {
  request::ModelSignature model = model_of(type, shape, max_batch_size);
  model.outputs = {{"y", type, shape, {}}};
  return model;
}

FakeRegions& regions() {
  static FakeRegions all;
  return all;
}

// A request with the input x of so many elements.
ModelInferRequest of_x(DataType type, std::int64_t elements) {
  ModelInferRequest message;
  auto& input = *message.add_inputs();
  input.set_name("x");
  input.set_datatype(std::string(tensor::data_type_name(type)));
  input.add_shape(elements);
  return message;
}

base::Result<InferRequest> decode(const ModelInferRequest& message, DataType type) {
  return decode_infer_message(message, of(type, {-1}, 0), regions());
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

TEST(InferMessage, RawContentsOfEveryType) {
  for (const DataType type : {DataType::kUint8, DataType::kInt16, DataType::kFp16, DataType::kBf16,
                              DataType::kInt32, DataType::kFp32, DataType::kUint64, DataType::kFp64}) {
    ModelInferRequest message = of_x(type, 2);
    const std::string bytes(tensor::element_size(type) * 2, '\1');
    message.add_raw_input_contents(bytes);
    const auto decoded = decode(message, type);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(std::memcmp(decoded->inference.inputs[0].data(), bytes.data(), bytes.size()), 0);
    *message.mutable_raw_input_contents(0) += "x";
    EXPECT_NE(error(decode(message, type)).find("input \"x\": got"), std::string::npos);
  }
}

TEST(InferMessage, TypedContentsOfEveryType) {
  auto message = of_x(DataType::kBool, 2);
  auto* contents = message.mutable_inputs(0)->mutable_contents();
  contents->add_bool_contents(true);
  contents->add_bool_contents(false);
  EXPECT_EQ(values<std::uint8_t>(decode(message, DataType::kBool)), (std::vector<std::uint8_t>{1, 0}));

  const auto whole = [](DataType type, std::int32_t value) {
    auto made = of_x(type, 1);
    made.mutable_inputs(0)->mutable_contents()->add_int_contents(value);
    return decode(made, type);
  };
  EXPECT_EQ(values<std::int8_t>(whole(DataType::kInt8, -128)), (std::vector<std::int8_t>{-128}));
  EXPECT_EQ(values<std::int16_t>(whole(DataType::kInt16, 300)), (std::vector<std::int16_t>{300}));
  EXPECT_EQ(values<std::int32_t>(whole(DataType::kInt32, 70000)), (std::vector<std::int32_t>{70000}));
  EXPECT_NE(error(whole(DataType::kInt8, 300)).find("element 0, 300, is out of the range of INT8"),
            std::string::npos);
  EXPECT_NE(error(whole(DataType::kInt64, 3)).find("\"int64_contents\" and no other field"),
            std::string::npos);

  const auto natural = [](DataType type, std::uint32_t value) {
    auto made = of_x(type, 1);
    made.mutable_inputs(0)->mutable_contents()->add_uint_contents(value);
    return decode(made, type);
  };
  EXPECT_EQ(values<std::uint8_t>(natural(DataType::kUint8, 255)), (std::vector<std::uint8_t>{255}));
  EXPECT_EQ(values<std::uint16_t>(natural(DataType::kUint16, 300)), (std::vector<std::uint16_t>{300}));
  EXPECT_EQ(values<std::uint32_t>(natural(DataType::kUint32, 70000)), (std::vector<std::uint32_t>{70000}));
  EXPECT_NE(error(natural(DataType::kUint16, 70000)).find("out of the range of UINT16"), std::string::npos);

  message = of_x(DataType::kInt64, 1);
  message.mutable_inputs(0)->mutable_contents()->add_int64_contents(-5);
  EXPECT_EQ(values<std::int64_t>(decode(message, DataType::kInt64)), (std::vector<std::int64_t>{-5}));
  message = of_x(DataType::kUint64, 1);
  message.mutable_inputs(0)->mutable_contents()->add_uint64_contents(5);
  EXPECT_EQ(values<std::uint64_t>(decode(message, DataType::kUint64)), (std::vector<std::uint64_t>{5}));
  message = of_x(DataType::kFp32, 1);
  message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(0.5F);
  EXPECT_EQ(values<float>(decode(message, DataType::kFp32)), (std::vector<float>{0.5F}));
  message = of_x(DataType::kFp64, 1);
  message.mutable_inputs(0)->mutable_contents()->add_fp64_contents(0.25);
  EXPECT_EQ(values<double>(decode(message, DataType::kFp64)), (std::vector<double>{0.25}));
  message = of_x(DataType::kBytes, 1);
  message.mutable_inputs(0)->mutable_contents()->add_bytes_contents("text");
  EXPECT_EQ(decode(message, DataType::kBytes)->inference.inputs[0].strings(),
            (std::vector<std::string>{"text"}));
  for (const DataType half : {DataType::kFp16, DataType::kBf16}) {
    message = of_x(half, 1);
    message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
    EXPECT_NE(error(decode(message, half)).find("send it in \"raw_input_contents\""), std::string::npos);
  }
}

TEST(InferMessage, ContentsMustBeWhole) {
  auto message = of_x(DataType::kInt32, 2);
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("\"int_contents\" has 0 elements"),
            std::string::npos);
  auto* contents = message.mutable_inputs(0)->mutable_contents();
  contents->add_int_contents(1);
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("has 1 elements, \"shape\" [2] has 2"),
            std::string::npos);
  contents->add_int_contents(2);
  EXPECT_EQ(values<std::int32_t>(decode(message, DataType::kInt32)), (std::vector<std::int32_t>{1, 2}));
  contents->add_fp32_contents(1);
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("no other field"), std::string::npos);
  contents->clear_fp32_contents();
  message.add_raw_input_contents("12345678");
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("\"contents\" must be empty"), std::string::npos);
}

TEST(InferMessage, AsManyRawEntriesAsInputs) {
  request::ModelSignature model =
      model_of({{"A", DataType::kInt8, {-1}, {}}, {"B", DataType::kInt8, {-1}, {}}}, 0);
  model.outputs = {{"y", DataType::kInt8, {-1}, {}}};
  ModelInferRequest message;
  for (const char* name : {"B", "A"}) {
    auto& input = *message.add_inputs();
    input.set_name(name);
    input.set_datatype("INT8");
    input.add_shape(1);
  }
  message.add_raw_input_contents("b");
  EXPECT_NE(error(decode_infer_message(message, model, regions())).find("input \"A\" has no entry"),
            std::string::npos);
  message.add_raw_input_contents("a");
  const auto decoded = decode_infer_message(message, model, regions());
  EXPECT_EQ(values<std::int8_t>(decoded, 0), (std::vector<std::int8_t>{'a'}));
  EXPECT_EQ(values<std::int8_t>(decoded, 1), (std::vector<std::int8_t>{'b'}));
  message.add_raw_input_contents("c");
  EXPECT_NE(error(decode_infer_message(message, model, regions())).find("has 3 entries, the inputs need 2"),
            std::string::npos);
  // An input in shared memory has no entry.
  message.mutable_raw_input_contents()->RemoveLast();
  message.mutable_raw_input_contents()->RemoveLast();
  regions().memory["in"] = "z";
  auto& parameters = *message.mutable_inputs(1)->mutable_parameters();
  parameters["shared_memory_region"].set_string_param("in");
  parameters["shared_memory_byte_size"].set_int64_param(1);
  EXPECT_EQ(values<std::int8_t>(decode_infer_message(message, model, regions()), 0),
            (std::vector<std::int8_t>{'z'}));
}

TEST(InferMessage, ParametersAndOutputs) {
  auto message = of_x(DataType::kInt8, 1);
  message.add_raw_input_contents("a");
  message.set_id("mine");
  auto& parameters = *message.mutable_parameters();
  parameters["priority"].set_uint64_param(2);
  parameters["timeout"].set_int64_param(7);
  parameters["triton_enable_empty_final_response"].set_bool_param(true);
  parameters["free"].set_double_param(1.5);
  auto decoded = decode(message, DataType::kInt8);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->inference.client_id, "mine");
  EXPECT_EQ(decoded->inference.priority, 2U);
  EXPECT_EQ(decoded->inference.queue_timeout, std::chrono::microseconds(7));
  EXPECT_TRUE(decoded->empty_final_response);
  auto& output = *message.add_outputs();
  output.set_name("y");
  (*output.mutable_parameters())["classification"].set_int64_param(3);
  (*output.mutable_parameters())["binary_data"].set_bool_param(true);
  decoded = decode(message, DataType::kInt8);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->outputs[0].classification, 3);

  parameters["priority"].set_string_param("2");
  EXPECT_NE(error(decode(message, DataType::kInt8)).find("\"priority\" must be a whole number"),
            std::string::npos);
  parameters.erase("priority");
  parameters["free"].Clear();
  EXPECT_NE(error(decode(message, DataType::kInt8)).find("\"free\" has no value"), std::string::npos);
  parameters.erase("free");
  output.set_name("z");
  EXPECT_NE(error(decode(message, DataType::kInt8)).find("no output \"z\""), std::string::npos);
}

TEST(InferMessage, ShapesAndTypes) {
  auto message = of_x(DataType::kInt32, -1);
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("sizes are 0 or more"), std::string::npos);
  message = of_x(DataType::kFp32, 1);
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("the model takes INT32"), std::string::npos);
  EXPECT_NE(error(decode({}, DataType::kInt32)).find("input \"x\" is missing"), std::string::npos);
  message = of_x(DataType::kInt32, std::int64_t{1} << 62);
  message.add_raw_input_contents("abcd");
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("more than any memory holds"), std::string::npos);
  for (int i = 0; i < 1000; ++i) message.mutable_inputs(0)->add_shape(1);
  EXPECT_NE(error(decode(message, DataType::kInt32)).find("…]"), std::string::npos);
}

// ---- read from the wire

ModelInferRequest plain() {
  ModelInferRequest message = of_x(DataType::kFp32, 3);
  message.set_model_name("m");
  message.set_model_version("2");
  message.set_id("mine");
  message.add_outputs()->set_name("y");
  const std::vector<float> sent{1.5F, -2, 3};
  message.add_raw_input_contents(sent.data(), sent.size() * sizeof(float));
  return message;
}

TEST(InferFields, APlainRequestIsReadAsProtobufReadsIt) {
  const ModelInferRequest message = plain();
  const std::string bytes = message.SerializeAsString();
  InferFields fields;
  ASSERT_TRUE(read_infer_fields(bytes, fields));
  EXPECT_EQ(fields.model_name, "m");
  EXPECT_EQ(fields.model_version, "2");
  const auto decoded = decode_infer_fields(fields, of(DataType::kFp32, {-1}, 0), regions());
  EXPECT_EQ(values<float>(decoded), (std::vector<float>{1.5F, -2, 3}));
  EXPECT_EQ(decoded->inference.client_id, "mine");
  ASSERT_EQ(decoded->outputs.size(), 1U);
  EXPECT_EQ(decoded->outputs[0].index, 0);
}

TEST(InferFields, MistakesAreNamedAsProtobufsReaderNamesThem) {
  for (const auto& spoil : std::vector<void (*)(ModelInferRequest&)>{
           [](ModelInferRequest& message) { message.mutable_inputs(0)->set_name("z"); },
           [](ModelInferRequest& message) { message.mutable_inputs(0)->set_datatype("INT8"); },
           [](ModelInferRequest& message) { message.mutable_inputs(0)->set_shape(0, -3); },
           [](ModelInferRequest& message) { message.mutable_inputs(0)->add_shape(1); },
           [](ModelInferRequest& message) { message.mutable_raw_input_contents(0)->pop_back(); },
           [](ModelInferRequest& message) { message.mutable_outputs(0)->set_name("z"); },
       }) {
    ModelInferRequest message = plain();
    spoil(message);
    const std::string bytes = message.SerializeAsString();
    InferFields fields;
    ASSERT_TRUE(read_infer_fields(bytes, fields));
    EXPECT_EQ(error(decode_infer_fields(fields, of(DataType::kFp32, {-1}, 0), regions())),
              error(decode(message, DataType::kFp32)));
  }
}

TEST(InferFields, WhatIsRarerIsLeftToProtobuf) {
  for (const auto& change : std::vector<void (*)(ModelInferRequest&)>{
           [](ModelInferRequest& message) { (*message.mutable_parameters())["p"].set_bool_param(true); },
           [](ModelInferRequest& message) {
             (*message.mutable_inputs(0)->mutable_parameters())["p"].set_bool_param(true);
           },
           [](ModelInferRequest& message) {
             message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
           },
           [](ModelInferRequest& message) { message.clear_raw_input_contents(); },
           [](ModelInferRequest& message) { message.add_raw_input_contents("more"); },
           [](ModelInferRequest& message) { message.set_id("\xC3\xA4"); },
           [](ModelInferRequest& message) {
             for (int i = 0; i < 8; ++i) message.mutable_inputs(0)->add_shape(1);
           },
           [](ModelInferRequest& message) {
             for (int i = 0; i < 8; ++i) message.add_outputs()->set_name("y");
           },
       }) {
    ModelInferRequest message = plain();
    change(message);
    InferFields fields;
    EXPECT_FALSE(read_infer_fields(message.SerializeAsString(), fields)) << message.ShortDebugString();
  }
}

TEST(InferFields, BytesThatAreNoMessageAreLeftToProtobuf) {
  const std::string bytes = plain().SerializeAsString();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    InferFields fields;
    EXPECT_FALSE(read_infer_fields(std::string_view(bytes).substr(0, cut), fields)) << cut;
  }
  InferFields fields;
  EXPECT_FALSE(read_infer_fields(bytes + "\x08", fields));
  EXPECT_FALSE(read_infer_fields(bytes + std::string(11, '\xFF'), fields));
}

}  // namespace
}  // namespace saccade::protocol
