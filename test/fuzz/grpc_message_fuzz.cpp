// Any bytes as a gRPC stream: the same messages come out however the bytes are cut, compressed ones never
// grow over the limit, and what parses as an inference request decodes or is refused with a reason.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/stubs/logging.h>

#include "grpc/compression.h"
#include "grpc/infer_calls.h"
#include "grpc/message_reader.h"
#include "grpc_service.pb.h"
#include "protocol/infer_request.h"
#include "shared_memory/regions.h"

namespace {

using namespace saccade;

constexpr std::size_t kLimit = 2048;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Read {
  std::vector<std::string> messages;
  std::vector<bool> compressed;
  int failed = -1;  // the status's number

  bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, std::size_t piece) {
  Read result;
  grpc::MessageReader reader(kLimit);
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty()) {
      const auto message = reader.next(part);
      require(reader.held() <= kLimit);
      if (!message) {
        require(!message.error().message.empty());
        result.failed = static_cast<int>(message.error().code);
        return result;
      }
      if (*message) {
        result.messages.emplace_back((*message)->bytes);
        result.compressed.push_back((*message)->compressed);
      }
    }
  }
  return result;
}

// A model that takes one of each kind that is decoded in a way of its own.
const request::ModelSignature& signature() {
  static const request::ModelSignature model = [] {
    request::ModelSignature made;
    made.name = "m";
    made.version = "1";
    made.max_batch_size = 4;
    made.inputs = {{"f", tensor::DataType::kFp32, {-1, 2}, {}},
                   {"s", tensor::DataType::kBytes, {-1, -1}, {}}};
    made.outputs = {{"y", tensor::DataType::kFp32, {-1, 3}, {}}};
    return made;
  }();
  return model;
}

void decode(std::string_view bytes) {
  static const shared_memory::Regions regions;
  const base::Status parts = grpc::check_parts(bytes);
  inference::ModelInferRequest message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  require(parts.has_value());  // so short a message has no more parts than a request may have
  const auto request = protocol::decode_infer_message(message, signature(), regions);
  if (!request) return require(!request.error().message.empty());
  require(request->inference.inputs.size() == 2 && request->inference.batch >= 1);
  for (const auto& output : request->outputs) require(output.index == 0);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Read whole = read(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{7}, std::size_t{100}}) {
    require(read(bytes, piece) == whole);
  }
  for (std::size_t i = 0; i < whole.messages.size(); ++i) {
    std::string message = whole.messages[i];
    if (whole.compressed[i]) {
      for (const auto encoding : {grpc::Encoding::kGzip, grpc::Encoding::kDeflate}) {
        if (const auto plain = grpc::decompress(encoding, message, kLimit)) {
          require(plain->size() <= kLimit);
          decode(*plain);
        }
      }
    } else {
      decode(message);
    }
  }
  return 0;
}
