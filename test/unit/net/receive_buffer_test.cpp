#include "net/receive_buffer.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "net/http_message.h"

namespace saccade::net {
namespace {

TEST(ReceiveBuffer, HoldsNothingAtFirst) {
  const ReceiveBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.view(), "");
}

TEST(ReceiveBuffer, KeepsBytesInOnePiece) {
  ReceiveBuffer buffer;
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    buffer.append("piece " + std::to_string(i));
    all += "piece " + std::to_string(i);
  }
  buffer.append("");
  EXPECT_EQ(buffer.view(), all);
}

TEST(ReceiveBuffer, DropsFromTheFront) {
  ReceiveBuffer buffer;
  buffer.append("hello world");
  buffer.consume(0);
  buffer.consume(6);
  EXPECT_EQ(buffer.view(), "world");
  buffer.append("!");
  EXPECT_EQ(buffer.view(), "world!");
}

TEST(ReceiveBuffer, HoldsNoMemoryOnceEmpty) {
  ReceiveBuffer buffer;
  buffer.append("hello");
  buffer.consume(5);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.data(), nullptr);
  buffer.append("again");
  EXPECT_EQ(buffer.view(), "again");
}

TEST(ReceiveBuffer, GivesRoomToReadInto) {
  ReceiveBuffer buffer;
  buffer.append("ab");
  const auto room = buffer.prepare(100);
  ASSERT_GE(room.size(), 100U);
  std::fill_n(room.begin(), 3, 'c');
  buffer.commit(3);
  EXPECT_EQ(buffer.view(), "abccc");
}

// Parsers in place read over the end; under AddressSanitizer this test proves that they may.
TEST(ReceiveBuffer, HasPaddingBehindTheLastByte) {
  for (const std::size_t size : {1U, 63U, 64U, 4096U}) {
    ReceiveBuffer buffer;
    buffer.append(std::string(size, 'x'));
    std::fill_n(buffer.data() + buffer.size(), kBodyPadding, 'p');
    EXPECT_EQ(buffer.view(), std::string(size, 'x'));
  }
}

}  // namespace
}  // namespace saccade::net
