#include "protocol/log_result.h"

#include "protocol/json_writer.h"
#include "protocol/predict_response.h"

namespace saccade::protocol {
namespace {

constexpr std::int64_t kMostElements = 64;
constexpr std::size_t kMostText = 4096;  // bytes of all strings

bool small(const request::InferenceResponse& response) {
  std::int64_t elements = 0;
  for (const tensor::TensorView& output : response.outputs) {
    elements += output.shape.elements().value_or(kMostElements + 1);
    if (elements > kMostElements) return false;
  }
  std::size_t text = 0;
  for (const tensor::TensorView& output : response.outputs) {
    if (output.type != tensor::DataType::kBytes) continue;
    for (const std::string& string : output.texts()) text += string.size();
  }
  return text <= kMostText;
}

void append_output(std::string& out, const tensor::TensorView& output, const std::string& name, bool values) {
  out += "{\"name\":";
  append_string(out, name);
  out += ",\"datatype\":\"";
  out += tensor::data_type_name(output.type);
  out += "\",\"shape\":" + output.shape.text();
  if (values) {
    out += ",\"data\":[";
    const auto elements = static_cast<std::size_t>(output.shape.elements().value_or(0));
    for (std::size_t i = 0; i < elements; ++i) {
      if (i > 0) out += ',';
      append_element(out, output, i);
    }
    out += ']';
  }
  out += '}';
}

}  // namespace

void append_log_result(std::string& out, const request::InferenceResponse& response,
                       const request::ModelSignature& model) {
  out += '{';
  if (model.classifies()) {
    append_result(out, response, model, {.single = true, .probabilities = false});
  } else {
    const bool values = small(response);
    out += "\"outputs\":[";
    for (std::size_t i = 0; i < response.outputs.size(); ++i) {
      if (i > 0) out += ',';
      append_output(out, response.outputs[i], model.outputs[i].name, values);
    }
    out += ']';
  }
  out += '}';
}

std::string log_input(std::string_view json) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (json.starts_with(kByteOrderMark)) json.remove_prefix(kByteOrderMark.size());
  std::string out;
  out.reserve(json.size());
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted && c == '\\' && i + 1 < json.size()) {
      out += c;
      out += json[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    // No other word of JSON has these letters.
    if (!quoted && (c == 'N' || c == 'I')) {
      if (out.ends_with('-')) out.pop_back();
      out += "null";
      i += (c == 'N' ? std::string_view("NaN") : std::string_view("Infinity")).size() - 1;
      continue;
    }
    out += c;
  }
  return out;
}

}  // namespace saccade::protocol
