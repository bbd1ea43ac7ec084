// Any bytes as the body of an inference request, against several made-up models: the first byte says which,
// the second how much of the rest is JSON. Refused with a message, or inputs that keep their promises and an
// answer. What is taken must be JSON to another parser too, but for the words NaN and Infinity.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <boost/json.hpp>

#include "infer_check.h"

namespace {

using namespace saccade;

bool is_json(std::string_view text) {
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = 1000;
  const auto value = boost::json::parse(text, error, {}, options);
  return !error || error == boost::json::error::exponent_overflow;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const request::ModelSignature& model = made_models()[data[0] % made_models().size()];
  size -= 2;
  // 255 and 254: all of it, none of it; else in 64ths.
  const std::size_t json_bytes = data[1] == 255 ? size : data[1] == 254 ? 0 : size * (data[1] % 64U) / 64;
  const auto buffer = std::make_unique<char[]>(size + 64);
  std::memcpy(buffer.get(), data + 2, size);
  std::memset(buffer.get() + size, '"', 64);  // what follows must not matter
  const std::string_view body(buffer.get(), size);
  const auto request = protocol::decode_infer_json(body, json_bytes, model, SmallRegions());
  if (!request) {
    require(request.error().code == base::Code::kInvalidArgument && !request.error().message.empty());
    return 0;
  }
  check_decoded(*request, model);
  if (json_bytes > 0) require(is_json(protocol::log_input(body.substr(0, json_bytes))));
  return 0;
}
