// For the targets whose input is JSON: the text as a decoder gets it, and whether another parser calls it
// JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <boost/json.hpp>

// A copy with the 64 readable bytes behind it that the decoders ask for. They are quotes: what follows must
// not matter, and a read that ran on would be seen.
class PaddedText {
 public:
  PaddedText(const std::uint8_t* data, std::size_t size)
      : size_(size), buffer_(std::make_unique<char[]>(size + kPadding)) {
    std::memcpy(buffer_.get(), data, size);
    std::memset(buffer_.get() + size, '"', kPadding);
  }
  std::string_view view() const { return {buffer_.get(), size_}; }

 private:
  static constexpr std::size_t kPadding = 64;
  std::size_t size_;
  std::unique_ptr<char[]> buffer_;
};

inline bool is_json(std::string_view text) {
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = 1000;
  const auto value = boost::json::parse(text, error, {}, options);
  return !error || error == boost::json::error::exponent_overflow;
}
