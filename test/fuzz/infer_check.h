// What a decoded inference request promises, and that it can be answered in both forms.
#pragma once

#include <cstring>
#include <map>
#include <string>

#include "grpc_service.pb.h"
#include "made_models.h"
#include "protocol/infer_request.h"
#include "protocol/infer_response.h"
#include "protocol/log_result.h"

namespace saccade {

// One region of 64 bytes, "in".
class SmallRegions final : public request::SharedRegions {
 public:
  base::Status read(const request::RegionSlice& slice, std::span<std::byte> into) const override {
    if (base::Status inside = check(slice); !inside) return inside;
    require(into.size() == slice.byte_size);
    std::memset(into.data(), 1, into.size());
    return {};
  }
  base::Status write(const request::RegionSlice& slice, std::span<const std::byte> from) const override {
    require(from.size() == slice.byte_size);
    return check(slice);
  }

 private:
  static base::Status check(const request::RegionSlice& slice) {
    if (slice.region == "in" && slice.offset <= 64 && slice.byte_size <= 64 - slice.offset) return {};
    return base::invalid_argument("no such slice");
  }
};

inline void check_input(const tensor::Tensor& input, const request::TensorSpec& spec) {
  require(input.type() == spec.type && spec.shape.accepts(input.shape()));
  const auto elements = static_cast<std::size_t>(input.shape().elements().value_or(-1));
  if (input.type() == tensor::DataType::kBytes) return require(input.strings().size() == elements);
  require(input.byte_size() == elements * tensor::element_size(input.type()));
  // Every element was written, or is at least there to be read.
  std::size_t sum = 0;
  for (std::size_t at = 0; at < input.byte_size(); ++at) sum += static_cast<std::size_t>(input.data()[at]);
  require(sum + 1 != 0);
}

// An identity of the request's inputs answers it.
inline void check_decoded(const protocol::InferRequest& request, const request::ModelSignature& model) {
  const auto& inputs = request.inference.inputs;
  require(inputs.size() == model.inputs.size() && !request.outputs.empty());
  require(!model.batches() ||
          (request.inference.batch >= 1 && request.inference.batch <= model.max_batch_size));
  request::InferenceResponse response;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_input(inputs[i], model.inputs[i]);
    require(!model.batches() || inputs[i].shape()[0] == request.inference.batch);
    response.outputs.push_back(inputs[i].view());
  }
  const SmallRegions regions;
  const auto json =
      protocol::encode_infer_json(response, request.outputs, request.inference.client_id, model, regions);
  require(!json || !json->json_bytes || *json->json_bytes < json->body.size());
  inference::ModelInferResponse message;
  const auto encoded = protocol::encode_infer_message(response, request.outputs, request.inference.client_id,
                                                      model, regions, message);
  require(json.has_value() == encoded.has_value());
  std::string log;
  protocol::append_log_result(log, response, model);
  require(log.starts_with('{') && log.ends_with('}'));
}

}  // namespace saccade
