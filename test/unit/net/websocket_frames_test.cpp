#include "net/websocket_frames.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace saccade::net {
namespace {

constexpr std::array<std::uint8_t, 4> kMask{0x12, 0x34, 0x56, 0x78};

// A client's frame header with the length in the given number of bytes (0, 2, 8).
std::string header(int first, std::uint64_t length, int length_bytes, bool masked = true) {
  std::string bytes;
  bytes += static_cast<char>(first);
  const std::uint64_t short_length = length_bytes == 0 ? length : length_bytes == 2 ? 126 : 127;
  bytes += static_cast<char>(short_length | (masked ? 0x80U : 0U));
  for (int i = length_bytes - 1; i >= 0; --i) bytes += static_cast<char>(length >> (8 * i));
  if (masked) bytes.append(kMask.begin(), kMask.end());
  return bytes;
}

std::string violation(std::string_view bytes) {
  const auto parsed = parse_frame_header(bytes);
  if (parsed) return "taken";
  EXPECT_EQ(parsed.error().close_code, kCloseProtocolError);
  return std::string(parsed.error().reason);
}

TEST(FrameHeader, ReadsEveryLength) {
  for (const std::uint64_t length :
       {0ULL, 1ULL, 125ULL, 126ULL, 127ULL, 65'535ULL, 65'536ULL, 65'537ULL, 1ULL << 32, (1ULL << 63) - 1}) {
    const int length_bytes = length < 126 ? 0 : length < 65'536 ? 2 : 8;
    const std::string bytes = header(0x82, length, length_bytes);
    const auto parsed = parse_frame_header(bytes);
    ASSERT_TRUE(parsed) << length;
    EXPECT_EQ(parsed->length, length);
    EXPECT_EQ(parsed->size, bytes.size());
    EXPECT_EQ(parsed->mask, kMask);
    EXPECT_EQ(parsed->opcode, Opcode::kBinary);
    EXPECT_TRUE(parsed->final);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto part = parse_frame_header(std::string_view(bytes).substr(0, size));
      ASSERT_TRUE(part) << length << " cut at " << size;
      EXPECT_EQ(part->size, 0U);
    }
  }
}

TEST(FrameHeader, ReadsEveryOpcodeAndFragments) {
  for (const int opcode : {0, 1, 2}) {
    const auto parsed = parse_frame_header(header(opcode, 5, 0));
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->final);
    EXPECT_EQ(parsed->opcode, static_cast<Opcode>(opcode));
  }
  for (const int opcode : {8, 9, 10}) {
    const auto parsed = parse_frame_header(header(0x80 | opcode, 125, 0));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->opcode, static_cast<Opcode>(opcode));
  }
}

TEST(FrameHeader, RefusesWhatAServerMust) {
  EXPECT_EQ(violation(header(0x81, 5, 0, false)), "a client's frames must be masked");
  for (const int bit : {0x40, 0x20, 0x10}) {
    EXPECT_EQ(violation(header(0x81 | bit, 5, 0)), "reserved bits are set and no extension was agreed");
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    EXPECT_EQ(violation(header(0x80 | opcode, 5, 0)), "unknown opcode");
  }
  for (const int opcode : {8, 9, 10}) {
    EXPECT_EQ(violation(header(opcode, 5, 0)), "control frames can't be fragmented");
    EXPECT_EQ(violation(header(0x80 | opcode, 126, 2)), "control frames carry at most 125 bytes");
  }
  EXPECT_EQ(violation(header(0x82, 125, 2)), "the length is not in its shortest form");
  EXPECT_EQ(violation(header(0x82, 65'535, 8)), "the length is not in its shortest form");
  EXPECT_EQ(violation(header(0x82, 1ULL << 63, 8)), "the length has its highest bit set");
}

TEST(FrameHeader, RefusesBeforeTheWholeHeaderIsThere) {
  EXPECT_EQ(violation(header(0x81, 5, 0, false).substr(0, 2)), "a client's frames must be masked");
}

TEST(Unmask, TakesTheMaskOffAtEveryLength) {
  for (std::size_t length = 0; length < 40; ++length) {
    std::string payload;
    for (std::size_t i = 0; i < length; ++i) payload += static_cast<char>(i * 7);
    std::string masked = payload;
    for (std::size_t i = 0; i < length; ++i) masked[i] = static_cast<char>(masked[i] ^ kMask[i % 4]);
    unmask(masked, kMask);
    EXPECT_EQ(masked, payload) << length;
  }
}

// The examples of RFC 6455, 5.7.
TEST(Frames, AgreeWithTheStandardsExamples) {
  std::string hello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
  const auto parsed = parse_frame_header(hello);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->opcode, Opcode::kText);
  std::string payload = hello.substr(parsed->size);
  unmask(payload, parsed->mask);
  EXPECT_EQ(payload, "Hello");

  std::string out;
  append_frame(out, Opcode::kText, "Hello");
  EXPECT_EQ(out, "\x81\x05Hello");
}

TEST(AppendFrame, WritesTheShortestLength) {
  const auto head = [](std::size_t length) {
    std::string out;
    append_frame(out, Opcode::kBinary, std::string(length, 'x'));
    return out.substr(0, out.size() - length);
  };
  using namespace std::string_literals;
  EXPECT_EQ(head(0), "\x82\x00"s);
  EXPECT_EQ(head(125), "\x82\x7d"s);
  EXPECT_EQ(head(126), "\x82\x7e\x00\x7e"s);
  EXPECT_EQ(head(65'535), "\x82\x7e\xff\xff"s);
  EXPECT_EQ(head(65'536), "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

int close_code(std::string_view payload) {
  const auto code = parse_close(payload);
  return code ? *code : -static_cast<int>(code.error().close_code);
}

TEST(Close, TakesTheCodesThatMayBeSent) {
  EXPECT_EQ(close_code(""), kCloseNoStatus);
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    EXPECT_EQ(close_code(close_payload(static_cast<std::uint16_t>(code), "bye")), code);
  }
}

TEST(Close, RefusesTheOthers) {
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65'535}) {
    EXPECT_EQ(close_code(close_payload(static_cast<std::uint16_t>(code), "")), -kCloseProtocolError) << code;
  }
  EXPECT_EQ(close_code("\x03"), -kCloseProtocolError);
  EXPECT_EQ(close_code(close_payload(1000, "caf\xE9")), -kCloseInvalidData);
}

TEST(Close, PayloadFitsAControlFrame) {
  EXPECT_EQ(close_payload(1002, std::string(500, 'r')).size(), 125U);
}

}  // namespace
}  // namespace saccade::net
