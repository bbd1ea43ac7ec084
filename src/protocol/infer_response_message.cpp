// encode_infer_message: the protobuf form.
#include <utility>

#include "grpc_service.pb.h"
#include "protocol/binary_tensor.h"
#include "protocol/infer_outputs.h"
#include "protocol/infer_response.h"

namespace saccade::protocol {
base::Status encode_infer_message(const request::InferenceResponse& response,
                                  const std::vector<RequestedOutput>& asked, std::string_view client_id,
                                  const request::ModelSignature& model, const request::SharedRegions& regions,
                                  inference::ModelInferResponse& message) {
  const InferOutputs outputs(response, asked, model);
  message.set_model_name(model.name);
  message.set_model_version(model.version);
  message.set_id(client_id.data(), client_id.size());
  for (const InferOutput& output : outputs.all()) {
    auto& head = *message.add_outputs();
    head.set_name(output.spec->name);
    const std::string_view type = tensor::data_type_name(output.tensor.type);
    head.set_datatype(type.data(), type.size());
    for (const std::int64_t dim : output.tensor.shape.dims()) head.add_shape(dim);
    if (output.asked->shared_memory) {
      if (base::Status written = write_region(output, regions); !written) return written;
      // An empty entry in its place, so that those behind it are found.
      message.add_raw_output_contents();
      continue;
    }
    std::string& raw = *message.add_raw_output_contents();
    raw.reserve(raw_size(output.tensor));
    append_raw(raw, output.tensor);
  }
  return {};
}

}  // namespace saccade::protocol
