// Any bytes as a ModelInferRequest, against several made-up models (the first byte says which): refused with
// a message, or inputs that keep their promises and an answer.
#include <cstddef>
#include <cstdint>

#include "infer_check.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace saccade;
  if (size < 1) return 0;
  const request::ModelSignature& model = made_models()[data[0] % made_models().size()];
  inference::ModelInferRequest message;
  if (!message.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
  const auto request = protocol::decode_infer_message(message, model, SmallRegions());
  if (request) return check_decoded(*request, model), 0;
  require(request.error().code == base::Code::kInvalidArgument && !request.error().message.empty());
  return 0;
}
