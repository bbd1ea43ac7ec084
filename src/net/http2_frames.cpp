#include "net/http2_frames.h"

#include <algorithm>

namespace saccade::net {

bool Http2FrameWalk::next(std::string_view bytes, std::size_t& at, Http2FrameHeader& header) {
  const std::size_t skipped = std::min(skip_, bytes.size() - at);
  skip_ -= skipped;
  at += skipped;
  const std::size_t taken = std::min(kHeaderBytes - have_, bytes.size() - at);
  std::copy_n(bytes.data() + at, taken, partial_.data() + have_);
  have_ += taken;
  at += taken;
  if (have_ < kHeaderBytes) return false;
  have_ = 0;
  const auto byte = [this](std::size_t i) { return std::uint32_t{partial_[i]}; };
  header.length = byte(0) << 16 | byte(1) << 8 | byte(2);
  header.type = partial_[3];
  header.flags = partial_[4];
  header.stream = static_cast<std::int32_t>((byte(5) & 0x7F) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
  skip_ = header.length;
  return true;
}

}  // namespace saccade::net
