// WebSocket frames as bytes (RFC 6455, section 5): pure functions, no I/O.
//
//   byte 0: FIN(1) RSV(3) opcode(4)   byte 1: MASK(1) length(7)   [2 or 8 bytes of length]   [4 bytes of
//   mask]
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace saccade::net {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// Status codes of a close (RFC 6455, 7.4.1).
enum CloseCode : std::uint16_t {
  kCloseNormal = 1000,
  kCloseGoingAway = 1001,
  kCloseProtocolError = 1002,
  kCloseNoStatus = 1005,  // never on the wire
  kCloseInvalidData = 1007,
  kCloseTooBig = 1009,
  kCloseTryAgainLater = 1013,  // as IANA has registered it
  kCloseInternalError = 1011,
};

struct FrameHeader {
  bool final = true;
  Opcode opcode = Opcode::kText;
  std::uint64_t length = 0;  // of the payload
  std::array<std::uint8_t, 4> mask{};
  std::size_t size = 0;  // of the header itself; 0: more bytes are needed
};

struct ProtocolViolation {
  std::uint16_t close_code = kCloseProtocolError;
  std::string_view reason;  // a literal
};

// Reads a client's frame header; refuses what a server must (unmasked, reserved bits, unknown opcodes,
// fragmented or long control frames, lengths not in their shortest form).
std::expected<FrameHeader, ProtocolViolation> parse_frame_header(std::string_view bytes);

// Takes the mask off, in place.
void unmask(std::span<char> payload, const std::array<std::uint8_t, 4>& mask);

// Appends an unmasked, unfragmented frame, as servers send them.
void append_frame(std::string& out, Opcode opcode, std::string_view payload);

std::string close_payload(std::uint16_t code, std::string_view reason);
// The code of a received close: kCloseNoStatus for an empty payload, or the violation.
std::expected<std::uint16_t, ProtocolViolation> parse_close(std::string_view payload);

}  // namespace saccade::net
