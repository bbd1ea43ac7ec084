// Any bytes as the body of an inference request, against several made-up models: the first byte says which,
// the second how much of the rest is JSON. Refused with a message, or inputs that keep their promises and an
// answer. What is taken must be JSON to another parser too, but for the words NaN and Infinity.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "infer_check.h"
#include "json_text.h"

using namespace saccade;

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const request::ModelSignature& model = made_models()[data[0] % made_models().size()];
  size -= 2;
  // 255 and 254: all of it, none of it; else in 64ths.
  const std::size_t json_bytes = data[1] == 255 ? size : data[1] == 254 ? 0 : size * (data[1] % 64U) / 64;
  const PaddedText padded(data + 2, size);
  const std::string_view body = padded.view();
  const auto request = protocol::decode_infer_json(body, json_bytes, model, SmallRegions());
  if (!request) {
    require(request.error().code == base::Code::kInvalidArgument && !request.error().message.empty());
    return 0;
  }
  check_decoded(*request, model);
  if (json_bytes > 0) require(is_json(protocol::log_input(body.substr(0, json_bytes))));
  return 0;
}
