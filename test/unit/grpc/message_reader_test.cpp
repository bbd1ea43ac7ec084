#include "grpc/message_reader.h"

#include <vector>

#include <gtest/gtest.h>

#include "frames.h"

namespace saccade::grpc {
namespace {

constexpr std::size_t kLimit = 1000;

// Everything that comes out when the bytes come in pieces of that size.
std::vector<std::string> read(std::string_view bytes, std::size_t piece) {
  MessageReader reader(kLimit);
  std::vector<std::string> messages;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty()) {
      const auto message = reader.next(part);
      if (!message) {
        ADD_FAILURE() << message.error().message;
        return messages;
      }
      if (*message) messages.emplace_back((*message)->bytes);
    }
  }
  EXPECT_TRUE(reader.empty());
  return messages;
}

TEST(MessageReader, MessagesCutAnywhere) {
  const std::string text(999, 'x');
  const std::string bytes = framed("one") + framed("") + framed(text) + framed("four", 1) + framed("");
  const std::vector<std::string> expected{"one", "", text, "four", ""};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
    EXPECT_EQ(read(bytes, piece), expected) << piece;
}

TEST(MessageReader, TellsCompressedOnesApart) {
  MessageReader reader(kLimit);
  const std::string bytes = framed("a", 1) + framed("b");
  std::string_view rest = bytes;
  EXPECT_TRUE((*reader.next(rest))->compressed);
  EXPECT_FALSE((*reader.next(rest))->compressed);
}

TEST(MessageReader, AMessageThatCameInOnePieceIsNotCopied) {
  MessageReader reader(kLimit);
  const std::string bytes = framed("message");
  std::string_view rest = bytes;
  const auto message = reader.next(rest);
  EXPECT_EQ((*message)->bytes.data(), bytes.data() + kPrefixBytes);
  EXPECT_EQ(reader.held(), 0U);
}

TEST(MessageReader, SaysWhatItKeeps) {
  MessageReader reader(kLimit);
  const std::string bytes = framed("message");
  std::string_view part = std::string_view(bytes).substr(0, 8);
  EXPECT_FALSE(*reader.next(part));
  EXPECT_TRUE(part.empty());
  EXPECT_EQ(reader.held(), 3U);
  EXPECT_FALSE(reader.empty());
  part = std::string_view(bytes).substr(8);
  EXPECT_EQ((*reader.next(part))->bytes, "message");
  EXPECT_EQ(reader.held(), 7U);
  EXPECT_TRUE(reader.empty());
  reader.release();
  EXPECT_EQ(reader.held(), 0U);
}

TEST(MessageReader, RefusesWhatIsOverTheLimitByItsPrefix) {
  MessageReader reader(kLimit);
  const std::string bytes = framed(std::string(kLimit + 1, 'x')).substr(0, kPrefixBytes);
  std::string_view rest = bytes;
  const auto refused = reader.next(rest);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("1001"), std::string::npos);
  EXPECT_NE(refused.error().message.find("1000"), std::string::npos);

  MessageReader other(kLimit);
  const std::string largest{'\0', '\xFF', '\xFF', '\xFF', '\xFF'};
  rest = largest;
  EXPECT_EQ(other.next(rest).error().code, StatusCode::kResourceExhausted);
}

TEST(MessageReader, RefusesUnknownFlags) {
  for (const char flag : {'\x02', '\x80', 'P'}) {
    MessageReader reader(kLimit);
    const std::string bytes = framed("a", flag);
    std::string_view rest = bytes;
    const auto refused = reader.next(rest);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, StatusCode::kInternal);
  }
}

}  // namespace
}  // namespace saccade::grpc
