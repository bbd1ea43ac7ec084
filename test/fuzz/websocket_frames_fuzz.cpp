// Any bytes as a client's frames: what a header says does not change once it is complete, a payload unmasked
// twice is itself, and a close has a code that may be sent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "net/websocket_frames.h"

namespace {

using namespace saccade::net;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_close(std::string_view payload) {
  const auto code = parse_close(payload);
  if (!code) {
    require(code.error().close_code == kCloseProtocolError || code.error().close_code == kCloseInvalidData);
  } else if (*code != kCloseNoStatus) {
    require(parse_close(close_payload(*code, "")) == *code);
  } else {
    require(payload.empty());
  }
}

// The first frame; how many bytes it has, or 0 where it is bad or not all there.
std::size_t check_frame(std::string_view bytes) {
  const auto whole = parse_frame_header(bytes);
  for (std::size_t size = 0; size < bytes.size() && size <= 14; ++size) {
    const auto part = parse_frame_header(bytes.substr(0, size));
    if (!part) {
      require(!whole);
    } else if (part->size != 0) {
      require(whole && whole->size == part->size && whole->length == part->length && part->size <= size);
    }
  }
  if (!whole || whole->size == 0) return 0;
  require(whole->size >= 6 && whole->size <= 14 && whole->size <= bytes.size());
  require((whole->length >> 63) == 0);
  const bool control = whole->opcode >= Opcode::kClose;
  require(!control || (whole->final && whole->length <= 125));
  if (whole->length > bytes.size() - whole->size) return 0;

  const std::string masked(bytes.substr(whole->size, whole->length));
  std::string payload = masked;
  unmask(payload, whole->mask);
  if (whole->opcode == Opcode::kClose) check_close(payload);
  std::string frame;
  append_frame(frame, whole->opcode, payload);
  require(frame.size() == payload.size() + whole->size - 4 && frame.ends_with(payload));
  require(!parse_frame_header(frame));  // a server's frames are not masked
  unmask(payload, whole->mask);
  require(payload == masked);
  return whole->size + whole->length;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_close(bytes.substr(0, 125));
  while (!bytes.empty()) {
    const std::size_t frame = check_frame(bytes);
    if (frame == 0) break;
    bytes.remove_prefix(frame);
  }
  return 0;
}
