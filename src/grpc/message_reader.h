// Messages out of the bytes of a stream: each has a flag (compressed or not), its length in four bytes
// (big-endian), and so many bytes, cut anywhere into DATA frames.
//
//   while (!bytes.empty()) {
//     auto message = reader.next(bytes);   // error: the call can't go on
//     if (!*message) break;                // the rest of it is still to come
//     …
//   }
//
// A message that lies whole in what came is not copied. Not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <optional>
#include <string_view>
#include <utility>

#include "grpc/status.h"
#include "net/receive_buffer.h"

namespace saccade::grpc {

inline constexpr std::size_t kPrefixBytes = 5;

struct Message {
  std::string_view
      bytes;  // valid until the next call or release(), and as long as what was given to this one
  bool compressed = false;
};

class MessageReader {
 public:
  explicit MessageReader(std::size_t limit) : limit_(limit) {}

  // Takes from the front of `bytes`. Nothing: all were taken, and the message is not whole yet. After an
  // error it is not to be called again.
  std::expected<std::optional<Message>, Outcome> next(std::string_view& bytes);
  // Lets go of the last message's memory.
  void release() {
    if (std::exchange(whole_, false)) buffer_ = {};
  }
  // Bytes kept: of a message that is not whole, or not released.
  std::size_t held() const { return buffer_.size(); }
  // Neither a message nor a part of one is left.
  bool empty() const { return prefix_size_ == 0; }

 private:
  std::optional<Outcome> check_prefix();
  bool read_prefix(std::string_view& bytes);

  const std::size_t limit_;
  std::array<char, kPrefixBytes> prefix_{};
  std::size_t prefix_size_ = 0;  // bytes of it that have come
  std::size_t length_ = 0;       // once the prefix is whole
  net::ReceiveBuffer buffer_;
  bool whole_ = false;  // the buffer's message was given out
};

}  // namespace saccade::grpc
