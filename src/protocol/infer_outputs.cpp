#include "protocol/infer_outputs.h"

#include <span>
#include <string>
#include <utility>

#include "protocol/binary_tensor.h"
#include "protocol/classification.h"

namespace saccade::protocol {

InferOutputs::InferOutputs(const request::InferenceResponse& response,
                           const std::vector<RequestedOutput>& asked, const request::ModelSignature& model) {
  outputs_.reserve(asked.size());
  for (const RequestedOutput& one : asked) {
    const auto index = static_cast<std::size_t>(one.index);
    const request::TensorSpec& spec = model.outputs[index];
    tensor::TensorView tensor = response.outputs[index];
    if (one.classification > 0) {
      classes_.push_back(classify(tensor, one.classification, spec.labels, model.batches()));
      tensor = classes_.back().view();
    }
    outputs_.push_back({.asked = &one, .spec = &spec, .tensor = tensor});
  }
}

base::Status write_region(const InferOutput& output, const request::SharedRegions& regions) {
  if (!output.asked->shared_memory) return {};
  request::RegionSlice slice = *output.asked->shared_memory;
  const std::size_t size = raw_size(output.tensor);
  const auto fail = [&](base::Code code, const std::string& what) {
    return base::fail(code, "output \"" + output.spec->name + "\": " + what);
  };
  if (slice.byte_size < size) {
    return fail(base::Code::kInvalidArgument, "\"shared_memory_byte_size\" is " +
                                                  std::to_string(slice.byte_size) + ", the output has " +
                                                  std::to_string(size) + " bytes");
  }
  slice.byte_size = size;
  std::string strings;
  std::span<const std::byte> bytes(output.tensor.data, size);
  if (output.tensor.type == tensor::DataType::kBytes) {
    append_raw(strings, output.tensor);
    bytes = std::as_bytes(std::span(strings));
  }
  if (const base::Status written = regions.write(slice, bytes); !written) {
    return fail(written.error().code, written.error().message);
  }
  return {};
}

}  // namespace saccade::protocol
