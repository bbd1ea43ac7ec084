#include "protocol/v1_response.h"

#include "base/base64.h"
#include "protocol/json_writer.h"
#include "protocol/v1_request.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;

void append_level(std::string& out, const tensor::TensorView& view, bool base64, std::size_t axis,
                  std::size_t& index) {
  if (axis == view.shape.rank()) {
    if (!base64) return append_any_element(out, view, index++);
    out += R"({"b64":")";
    base::append_base64(out, view.strings[index++]);
    out += "\"}";
    return;
  }
  out += '[';
  for (std::int64_t i = 0; i < view.shape[axis]; ++i) {
    if (i > 0) out += ',';
    append_level(out, view, base64, axis + 1, index);
  }
  out += ']';
}

void append_output(std::string& out, const tensor::TensorView& view, const request::TensorSpec& spec) {
  std::size_t index = 0;
  append_level(out, view, view.type == DataType::kBytes && spec.name.ends_with("_bytes"), 0, index);
}

// The rows that all outputs have, or which have not.
base::Result<std::int64_t> rows_of(const request::InferenceResponse& response,
                                   const request::ModelSignature& model) {
  const auto& first = response.outputs.front().shape;
  for (std::size_t i = 0; i < response.outputs.size(); ++i) {
    const auto& shape = response.outputs[i].shape;
    if (shape.rank() > 0 && first.rank() > 0 && shape[0] == first[0]) continue;
    return base::invalid_argument(
        "the outputs \"" + model.outputs[0].name + "\" " + first.text() + " and \"" + model.outputs[i].name +
        "\" " + shape.text() +
        " have no first dimension in common, so that there are no rows; send \"inputs\" "
        "instead of \"instances\"");
  }
  return first[0];
}

std::string_view type_of(DataType type) {
  switch (type) {
    case DataType::kBool:
      return "DT_BOOL";
    case DataType::kUint8:
      return "DT_UINT8";
    case DataType::kUint16:
      return "DT_UINT16";
    case DataType::kUint32:
      return "DT_UINT32";
    case DataType::kUint64:
      return "DT_UINT64";
    case DataType::kInt8:
      return "DT_INT8";
    case DataType::kInt16:
      return "DT_INT16";
    case DataType::kInt32:
      return "DT_INT32";
    case DataType::kInt64:
      return "DT_INT64";
    case DataType::kFp16:
      return "DT_HALF";
    case DataType::kBf16:
      return "DT_BFLOAT16";
    case DataType::kFp32:
      return "DT_FLOAT";
    case DataType::kFp64:
      return "DT_DOUBLE";
    case DataType::kBytes:
      return "DT_STRING";
  }
  return "DT_INVALID";
}

void append_ports(std::string& out, const std::vector<request::TensorSpec>& ports) {
  out += '{';
  for (const auto& port : ports) {
    if (&port != &ports.front()) out += ',';
    append_string(out, port.name);
    out += R"(:{"dtype":")";
    out += type_of(port.type);
    out += R"(","tensor_shape":{"dim":[)";
    for (std::size_t axis = 0; axis < port.shape.rank(); ++axis) {
      if (axis > 0) out += ',';
      out += R"({"size":")" + std::to_string(port.shape[axis]) + R"(","name":""})";
    }
    out += R"(],"unknown_rank":false},"name":)";
    append_string(out, port.name);
    out += '}';
  }
  out += '}';
}

}  // namespace

base::Result<std::string> encode_v1_predict(const request::InferenceResponse& response,
                                            const request::ModelSignature& model, bool rows) {
  std::string out = rows ? "{\"predictions\":" : "{\"outputs\":";
  const auto& outputs = response.outputs;
  if (outputs.size() == 1) {
    append_output(out, outputs.front(), model.outputs.front());
  } else if (rows) {
    const auto count = rows_of(response, model);
    if (!count) return std::unexpected(count.error());
    out += '[';
    for (std::int64_t row = 0; row < *count; ++row) {
      out += row > 0 ? ",{" : "{";
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (i > 0) out += ',';
        append_string(out, model.outputs[i].name);
        out += ':';
        tensor::TensorView view = outputs[i].rows(row, 1);
        view.shape = view.shape.without_first();
        append_output(out, view, model.outputs[i]);
      }
      out += '}';
    }
    out += ']';
  } else {
    out += '{';
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (i > 0) out += ',';
      append_string(out, model.outputs[i].name);
      out += ':';
      append_output(out, outputs[i], model.outputs[i]);
    }
    out += '}';
  }
  out += '}';
  return out;
}

base::Status check_v1_classifier(const request::ModelSignature& model) {
  if (model.classifies()) return {};
  return base::invalid_argument(
      "model \"" + model.name +
      "\" is no classifier (none of its outputs is known to be probabilities); ask it with "
      ":predict");
}

std::string encode_v1_classify(const request::InferenceResponse& response,
                               const request::ModelSignature& model) {
  const auto output = static_cast<std::size_t>(model.probabilities);
  const tensor::TensorView& view = response.outputs[output];
  const std::vector<std::string>& labels = model.outputs[output].labels;
  const auto classes = static_cast<std::size_t>(view.shape[view.shape.rank() - 1]);
  const auto elements = static_cast<std::size_t>(view.shape.elements().value_or(0));
  std::string out = "{\"results\":[";
  for (std::size_t first = 0; classes > 0 && first + classes <= elements; first += classes) {
    out += first > 0 ? ",[" : "[";
    for (std::size_t i = 0; i < classes; ++i) {
      out += i > 0 ? ",[" : "[";
      append_string(out, i < labels.size() ? labels[i] : std::to_string(i));
      out += ',';
      append_any_element(out, view, first + i);
      out += ']';
    }
    out += ']';
  }
  out += "]}";
  return out;
}

std::string encode_v1_metadata(const request::ModelSignature& model) {
  std::string out = R"({"model_spec":{"name":)";
  append_string(out, model.name);
  out += R"(,"signature_name":"","version":)";
  append_string(out, model.version);
  out += R"(},"metadata":{"signature_def":{"signature_def":{")";
  out += kV1Signature;
  out += R"(":{"inputs":)";
  append_ports(out, model.inputs);
  out += R"(,"outputs":)";
  append_ports(out, model.outputs);
  out += R"(,"method_name":"tensorflow/serving/predict"}}}}})";
  return out;
}

}  // namespace saccade::protocol
