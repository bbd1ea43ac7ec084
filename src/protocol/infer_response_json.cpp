// encode_infer_json: JSON, and binary tensors behind it.
#include <utility>

#include "protocol/binary_tensor.h"
#include "protocol/infer_outputs.h"
#include "protocol/infer_response.h"
#include "protocol/json_writer.h"

namespace saccade::protocol {
namespace {

// `"name":"y","datatype":"FP32","shape":[1,10]`
void append_head(std::string& out, const InferOutput& output) {
  out += "\"name\":";
  append_string(out, output.spec->name);
  out += ",\"datatype\":\"";
  out += tensor::data_type_name(output.tensor.type);
  out += "\",\"shape\":[";
  for (std::size_t axis = 0; axis < output.tensor.shape.rank(); ++axis) {
    if (axis > 0) out += ',';
    append_number(out, output.tensor.shape[axis]);
  }
  out += ']';
}

// A guess that saves growing.
std::size_t expected_size(const std::vector<InferOutput>& outputs) {
  constexpr std::size_t kHead = 128;
  constexpr std::size_t kNumber = 12;
  std::size_t size = kHead;
  for (const InferOutput& output : outputs) {
    const auto elements = static_cast<std::size_t>(output.tensor.shape.elements().value_or(0));
    size += kHead + (output.asked->shared_memory ? 0
                     : output.asked->binary      ? output.tensor.byte_size()
                                                 : elements * kNumber);
  }
  return size;
}

}  // namespace

base::Result<EncodedInfer> encode_infer_json(const request::InferenceResponse& response,
                                             const std::vector<RequestedOutput>& asked,
                                             std::string_view client_id, const request::ModelSignature& model,
                                             const request::SharedRegions& regions) {
  const InferOutputs outputs(response, asked, model);
  EncodedInfer encoded;
  std::string& out = encoded.body;
  out.reserve(expected_size(outputs.all()));
  out += '{';
  if (!client_id.empty()) {
    out += "\"id\":";
    append_string(out, client_id);
    out += ',';
  }
  out += "\"model_name\":";
  append_string(out, model.name);
  out += ",\"model_version\":";
  append_string(out, model.version);
  out += ",\"outputs\":[";
  bool binary = false;
  for (const InferOutput& output : outputs.all()) {
    out += out.back() == '[' ? "{" : ",{";
    append_head(out, output);
    if (output.asked->shared_memory) {
      if (base::Status written = write_region(output, regions); !written) {
        return std::unexpected(std::move(written.error()));
      }
    } else if (output.asked->binary) {
      binary = true;
      out += ",\"parameters\":{\"binary_data_size\":";
      append_number(out, static_cast<std::uint64_t>(raw_size(output.tensor)));
      out += '}';
    } else {
      out += ",\"data\":";
      append_flat(out, output.tensor);
    }
    out += '}';
  }
  out += "]}";
  if (!binary) return encoded;
  const std::size_t json_bytes = out.size();
  for (const InferOutput& output : outputs.all()) {
    if (output.asked->binary) append_raw(out, output.tensor);
  }
  // Empty tensors alone: nothing follows, and the answer is JSON as a whole.
  if (out.size() > json_bytes) encoded.json_bytes = json_bytes;
  return encoded;
}

}  // namespace saccade::protocol
