// Words as HTTP compares them. Pure.
#pragma once

#include <algorithm>
#include <string_view>

namespace saccade::access {

// ASCII letters alike in both cases. `word` in lower case.
inline bool same_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
  });
}

}  // namespace saccade::access
