// Finds the headers of HTTP/2 frames in what a peer sends, in pieces of any size. nghttp2 does not show the
// frames that it passes over, and a flood is made of such.
//
//   magic of 24 bytes, then frames:  length(24) type(8) flags(8) R(1) stream(31)  payload of that length
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace saccade::net {

struct Http2FrameHeader {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;
};

class Http2FrameWalk {
 public:
  // The next header that is whole within `bytes`, of which those before `at` were walked already. `at` then
  // lies behind it, or at the end of the bytes where there is none: false.
  bool next(std::string_view bytes, std::size_t& at, Http2FrameHeader& header);

  // The payload of the last header's frame has not come whole.
  bool inside_frame() const { return skip_ > 0; }

  static constexpr std::size_t kHeaderBytes = 9;

 private:
  static constexpr std::size_t kMagicBytes = 24;
  std::size_t skip_ = kMagicBytes;  // bytes before the next header
  std::array<std::uint8_t, kHeaderBytes> partial_{};
  std::size_t have_ = 0;  // of partial_
};

}  // namespace saccade::net
