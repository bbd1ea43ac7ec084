#include "access/base64url.h"

#include <algorithm>

#include "base/base64.h"

namespace saccade::access {

std::string base64url(std::string_view bytes) {
  std::string text;
  base::append_base64(text, bytes);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string plain(text);
  std::ranges::replace(plain, '-', '+');
  std::ranges::replace(plain, '_', '/');
  std::string bytes;
  if (!base::decode_base64(plain, bytes) || base64url(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace saccade::access
