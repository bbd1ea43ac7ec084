#include "net/websocket_frames.h"

#include <cstring>

#include <simdjson.h>

namespace saccade::net {
namespace {

std::unexpected<ProtocolViolation> violation(std::string_view reason) {
  return std::unexpected(ProtocolViolation{kCloseProtocolError, reason});
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<std::uint8_t>(c);
  return value;
}

bool known(Opcode opcode) {
  return opcode <= Opcode::kBinary || (opcode >= Opcode::kClose && opcode <= Opcode::kPong);
}

}  // namespace

std::expected<FrameHeader, ProtocolViolation> parse_frame_header(std::string_view bytes) {
  FrameHeader header;
  if (bytes.size() < 2) return header;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  header.final = (first & 0x80U) != 0;
  header.opcode = static_cast<Opcode>(first & 0x0FU);
  if ((first & 0x70U) != 0) return violation("reserved bits are set and no extension was agreed");
  if (!known(header.opcode)) return violation("unknown opcode");
  if ((second & 0x80U) == 0) return violation("a client's frames must be masked");
  const bool control = header.opcode >= Opcode::kClose;
  if (control && !header.final) return violation("control frames can't be fragmented");

  const std::uint64_t short_length = second & 0x7FU;
  if (control && short_length > 125) return violation("control frames carry at most 125 bytes");
  const std::size_t length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  const std::size_t size = 2 + length_bytes + 4;
  if (bytes.size() < size) return header;
  header.length = length_bytes == 0 ? short_length : big_endian(bytes.substr(2, length_bytes));
  if ((length_bytes == 2 && header.length < 126) || (length_bytes == 8 && header.length < 65'536)) {
    return violation("the length is not in its shortest form");
  }
  if ((header.length >> 63) != 0) return violation("the length has its highest bit set");
  std::memcpy(header.mask.data(), bytes.data() + 2 + length_bytes, 4);
  header.size = size;
  return header;
}

void unmask(std::span<char> payload, const std::array<std::uint8_t, 4>& mask) {
  std::uint32_t word = 0;
  std::memcpy(&word, mask.data(), 4);
  const std::uint64_t twice = (static_cast<std::uint64_t>(word) << 32) | word;
  std::size_t i = 0;
  for (; i + 8 <= payload.size(); i += 8) {
    std::uint64_t chunk = 0;
    std::memcpy(&chunk, payload.data() + i, 8);
    chunk ^= twice;
    std::memcpy(payload.data() + i, &chunk, 8);
  }
  for (; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload) {
  out += static_cast<char>(0x80U | static_cast<std::uint8_t>(opcode));
  const std::uint64_t length = payload.size();
  int length_bytes = 0;
  if (length < 126) {
    out += static_cast<char>(length);
  } else {
    length_bytes = length < 65'536 ? 2 : 8;
    out += static_cast<char>(length_bytes == 2 ? 126 : 127);
  }
  for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(length >> shift);
  out += payload;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xFFU);
  payload += reason.substr(0, 123);
  return payload;
}

std::expected<std::uint16_t, ProtocolViolation> parse_close(std::string_view payload) {
  if (payload.empty()) return kCloseNoStatus;
  if (payload.size() == 1) return violation("a close frame of one byte");
  const auto code = static_cast<std::uint16_t>(big_endian(payload.substr(0, 2)));
  const bool standard = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!standard && (code < 3000 || code > 4999)) return violation("a close code that may not be sent");
  if (!simdjson::validate_utf8(payload.data() + 2, payload.size() - 2)) {
    return std::unexpected(ProtocolViolation{kCloseInvalidData, "the close reason is not UTF-8"});
  }
  return code;
}

}  // namespace saccade::net
