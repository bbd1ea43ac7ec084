#include "grpc/message_reader.h"

#include <algorithm>
#include <string>

#include "runtime/memory_in_flight.h"

namespace saccade::grpc {

// True: it is whole now.
bool MessageReader::read_prefix(std::string_view& bytes) {
  const std::size_t count = std::min(kPrefixBytes - prefix_size_, bytes.size());
  std::ranges::copy(bytes.substr(0, count), prefix_.begin() + static_cast<std::ptrdiff_t>(prefix_size_));
  prefix_size_ += count;
  bytes.remove_prefix(count);
  return prefix_size_ == kPrefixBytes;
}

std::optional<Outcome> MessageReader::check_prefix() {
  const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(prefix_[i]); };
  if (byte(0) > 1) {
    return Outcome{StatusCode::kInternal, "a message's first byte says whether it is compressed: got " +
                                              std::to_string(byte(0)) + ", it is 0 or 1"};
  }
  length_ = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i) length_ = (length_ << 8U) | byte(i);
  if (length_ > limit_) {
    return Outcome{StatusCode::kResourceExhausted, "a message has " + std::to_string(length_) +
                                                       " bytes, at most " + std::to_string(limit_) +
                                                       " are taken (--max-body-bytes)"};
  }
  return std::nullopt;
}

std::expected<std::optional<Message>, Outcome> MessageReader::next(std::string_view& bytes) {
  release();
  if (prefix_size_ < kPrefixBytes) {
    if (!read_prefix(bytes)) return std::nullopt;
    if (auto wrong = check_prefix()) return std::unexpected(*std::move(wrong));
  }
  const std::size_t count = std::min(length_ - buffer_.size(), bytes.size());
  Message message{.bytes = bytes.substr(0, count), .compressed = prefix_[0] == 1};
  bytes.remove_prefix(count);
  if (!buffer_.empty() || count < length_) {
    if (runtime::memory_in_flight().full(message.bytes.size()))
      return std::unexpected(Outcome{StatusCode::kUnavailable, std::string(net::kMemoryFull)});
    buffer_.append(message.bytes);
    if (buffer_.size() < length_) return std::nullopt;
    message.bytes = buffer_.view();
    whole_ = true;
  }
  prefix_size_ = 0;
  return message;
}

}  // namespace saccade::grpc
