// What Redis answered (RESP2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::redis {

struct Reply {
  enum class Kind : std::uint8_t { kNil, kInteger, kText, kArray, kError };  // kText: status or string

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;
  std::string text;  // the string's, or the error's ("NOSCRIPT No matching script.")
  std::vector<Reply> items;

  bool is_error(std::string_view word) const { return kind == Kind::kError && text.starts_with(word); }
};

}  // namespace saccade::redis
