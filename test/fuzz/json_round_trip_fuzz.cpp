// What the server writes it reads back: any bytes as a tensor of any type (the first byte says which) or as a
// text.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "protocol/json_writer.h"
#include "protocol/predict_request.h"

namespace {

using namespace saccade;
using tensor::DataType;

void require(bool holds) {
  if (!holds) std::abort();
}

tensor::Tensor read_back(std::string json, DataType type) {
  request::ModelSignature model;
  model.inputs = {{"x", type, {-1}, {}}};
  json = "{\"x\":" + json + "}";
  json.reserve(json.size() + 64);
  auto request = protocol::decode_predict(json, model);
  require(request.has_value());
  return std::move(request->inputs.front());
}

void check_numbers(std::string_view bytes, DataType type) {
  const std::size_t width = tensor::element_size(type);
  const auto count = static_cast<std::int64_t>(bytes.size() / width);
  tensor::Tensor tensor(type, {count});
  std::memcpy(tensor.data(), bytes.data(), tensor.byte_size());
  std::string json;
  protocol::append_tensor(json, tensor.view());
  if (json.find("null") != std::string::npos) return;  // not-a-number and infinities
  const tensor::Tensor again = read_back(json, type);
  require(again.shape() == tensor.shape());
  if (type == DataType::kBool) {
    for (std::size_t i = 0; i < tensor.byte_size(); ++i) {
      require((tensor.data()[i] != std::byte{0}) == (again.data()[i] == std::byte{1}));
    }
  } else {
    require(std::memcmp(again.data(), tensor.data(), tensor.byte_size()) == 0);
  }
}

void check_text(std::string_view bytes) {
  std::string json = "[";
  protocol::append_string(json, bytes);
  json += ']';
  const tensor::Tensor again = read_back(json, DataType::kBytes);
  require(again.strings().size() == 1);
  const bool utf8 = simdjson::validate_utf8(bytes.data(), bytes.size());
  require(!utf8 || again.strings().front() == bytes);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto type = static_cast<DataType>(data[0] % (static_cast<int>(DataType::kBytes) + 1));
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (type == DataType::kBytes) {
    check_text(bytes);
  } else {
    check_numbers(bytes, type);
  }
  return 0;
}
