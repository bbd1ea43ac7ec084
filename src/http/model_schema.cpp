#include "http/model_schema.h"

#include <algorithm>

#include "protocol/json_writer.h"

namespace saccade::http {
namespace {

using tensor::DataType;

constexpr std::int64_t kMostElements = 1024;  // of an example

std::string element_schema(DataType type) {
  switch (type) {
    case DataType::kBool:
      return R"({"type":"boolean"})";
    case DataType::kBytes:
      return R"({"type":"string"})";
    case DataType::kUint8:
      return R"({"type":"integer","minimum":0,"maximum":255})";
    case DataType::kUint16:
      return R"({"type":"integer","minimum":0,"maximum":65535})";
    case DataType::kUint32:
      return R"({"type":"integer","minimum":0,"maximum":4294967295})";
    case DataType::kUint64:
      return R"({"type":"integer","minimum":0,"maximum":18446744073709551615})";
    case DataType::kInt8:
      return R"({"type":"integer","minimum":-128,"maximum":127})";
    case DataType::kInt16:
      return R"({"type":"integer","minimum":-32768,"maximum":32767})";
    case DataType::kInt32:
      return R"({"type":"integer","format":"int32","minimum":-2147483648,"maximum":2147483647})";
    case DataType::kInt64:
      return R"({"type":"integer","format":"int64","minimum":-9223372036854775808,"maximum":9223372036854775807})";
    case DataType::kFp16:
      return R"({"type":"number","minimum":-65504,"maximum":65504})";
    case DataType::kFp32:
    case DataType::kBf16:
      return R"({"type":"number","format":"float","minimum":-3.3e38,"maximum":3.3e38})";
    case DataType::kFp64:
      return R"({"type":"number","format":"double"})";
  }
  return "{}";
}

std::string list_of(const std::string& item, std::int64_t least, std::int64_t most) {
  std::string out = R"({"type":"array","items":)" + item + R"(,"minItems":)" + std::to_string(least);
  if (most >= 0) out += R"(,"maxItems":)" + std::to_string(most);
  return out + "}";
}

std::string item_schema(const request::TensorSpec& spec, const tensor::Shape& item) {
  std::string schema = element_schema(spec.type);
  for (std::size_t axis = item.rank(); axis-- > 0;) {
    schema = list_of(schema, item[axis] < 0 ? 1 : item[axis], item[axis]);
  }
  return schema;
}

bool one_value(const tensor::Shape& item) {
  return std::ranges::all_of(item.dims(), [](std::int64_t dim) { return dim == 1; });
}

std::string input_schema(const request::TensorSpec& spec, const request::ModelSignature& model) {
  const tensor::Shape item = model.batches() ? spec.shape.without_first() : spec.shape;
  // What is one value may be sent without its lists.
  std::string one = one_value(item) ? element_schema(spec.type) : item_schema(spec, item);
  if (!model.batches()) return one;
  return R"({"anyOf":[)" + one + "," + list_of(one, 1, model.max_batch_size) + "]}";
}

std::string_view example_of(DataType type) {
  return type == DataType::kBytes ? R"("a text")" : type == DataType::kBool ? "true" : "0";
}

void append_example(std::string& out, DataType type, const tensor::Shape& item, std::size_t axis) {
  if (axis == item.rank() || one_value(item)) {
    out += example_of(type);
    return;
  }
  out += '[';
  for (std::int64_t i = 0; i < std::max<std::int64_t>(item[axis], 1); ++i) {
    if (i > 0) out += ',';
    append_example(out, type, item, axis + 1);
  }
  out += ']';
}

}  // namespace

std::string predict_body_schema(const request::ModelSignature& model) {
  std::string properties;
  std::string required;
  for (const auto& input : model.inputs) {
    properties += properties.empty() ? "" : ",";
    protocol::append_string(properties, input.name);
    properties += ":" + input_schema(input, model);
    required += required.empty() ? "" : ",";
    protocol::append_string(required, input.name);
  }
  if (model.find_input("id") < 0) properties += R"(,"id":{"$ref":"#/components/schemas/CallersId"})";
  return R"({"type":"object","properties":{)" + properties + R"(},"required":[)" + required +
         R"(],"additionalProperties":false})";
}

std::string v2_body_example(const request::ModelSignature& model) {
  std::string out = R"({"inputs":[)";
  for (const auto& input : model.inputs) {
    tensor::Shape shape = input.shape;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis)
      shape[axis] = std::max<std::int64_t>(shape[axis], 1);
    const std::int64_t elements = shape.elements().value_or(kMostElements + 1);
    if (elements > kMostElements) return {};
    out += out.ends_with('[') ? "" : ",";
    out += R"({"name":)";
    protocol::append_string(out, input.name);
    out += R"(,"shape":)" + shape.text() + R"(,"datatype":")";
    out += tensor::data_type_name(input.type);
    out += R"(","data":[)";
    for (std::int64_t i = 0; i < elements; ++i) {
      out += i > 0 ? "," : "";
      out += example_of(input.type);
    }
    out += "]}";
  }
  return out + "]}";
}

std::string predict_body_example(const request::ModelSignature& model) {
  std::string out = "{";
  for (const auto& input : model.inputs) {
    tensor::Shape item = model.batches() ? input.shape.without_first() : input.shape;
    for (std::size_t axis = 0; axis < item.rank(); ++axis) item[axis] = std::max<std::int64_t>(item[axis], 1);
    if (item.elements().value_or(kMostElements + 1) > kMostElements) return {};
    if (out.size() > 1) out += ',';
    protocol::append_string(out, input.name);
    out += ':';
    append_example(out, input.type, item, 0);
  }
  return out + "}";
}

}  // namespace saccade::http
