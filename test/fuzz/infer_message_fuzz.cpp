// Any bytes as a ModelInferRequest, against several made-up models (the first byte says which): refused with
// a message, or inputs that keep their promises and an answer. Where the reader of plain requests takes the
// bytes, too, it says the same of them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "infer_check.h"
#include "protocol/infer_fields.h"

namespace saccade {

// The two readers of the same bytes agree.
inline void check_plain(const protocol::InferFields& fields, const inference::ModelInferRequest& message,
                        const base::Result<protocol::InferRequest>& expected,
                        const request::ModelSignature& model) {
  require(fields.model_name == message.model_name() && fields.model_version == message.model_version());
  const auto request = protocol::decode_infer_fields(fields, model, SmallRegions());
  require(request.has_value() == expected.has_value());
  if (!request) return require(request.error().message == expected.error().message);
  require(request->inference.client_id == expected->inference.client_id);
  require(request->inference.batch == expected->inference.batch);
  require(request->outputs.size() == expected->outputs.size());
  for (std::size_t i = 0; i < request->inference.inputs.size(); ++i) {
    const tensor::Tensor& one = request->inference.inputs[i];
    const tensor::Tensor& other = expected->inference.inputs[i];
    require(one.shape() == other.shape() && one.byte_size() == other.byte_size());
    require(one.byte_size() == 0 || std::memcmp(one.data(), other.data(), one.byte_size()) == 0);
    require(one.strings() == other.strings());
  }
}

}  // namespace saccade

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace saccade;
  if (size < 1) return 0;
  const request::ModelSignature& model = made_models()[data[0] % made_models().size()];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  protocol::InferFields fields;
  const bool plain = protocol::read_infer_fields(bytes, fields);
  inference::ModelInferRequest message;
  if (!message.ParseFromArray(data + 1, static_cast<int>(size - 1))) return require(!plain), 0;
  const auto request = protocol::decode_infer_message(message, model, SmallRegions());
  if (plain) check_plain(fields, message, request, model);
  if (request) return check_decoded(*request, model), 0;
  require(request.error().code == base::Code::kInvalidArgument && !request.error().message.empty());
  return 0;
}
