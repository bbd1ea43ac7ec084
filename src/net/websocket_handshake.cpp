#include "net/websocket_handshake.h"

#include <array>

#include <openssl/evp.h>

namespace saccade::net {
namespace {

// Whether a comma-separated header has this token, in any case.
bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (equal_ignoring_case(item, token)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// Sixteen bytes in base64 are 22 characters and "==".
bool looks_like_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==");
}

}  // namespace

base::Result<std::string> websocket_accept(const HttpRequest& request) {
  if (request.method != "GET" || !has_token(request.header("upgrade"), "websocket") ||
      !has_token(request.header("connection"), "upgrade")) {
    return base::invalid_argument(
        "this route speaks WebSocket: connect with ws:// (GET with \"Connection: Upgrade\" and \"Upgrade: "
        "websocket\")");
  }
  if (request.header("sec-websocket-version") != "13") {
    return base::invalid_argument("Sec-WebSocket-Version must be 13");
  }
  const std::string_view key = request.header("sec-websocket-key");
  if (!looks_like_key(key)) return base::invalid_argument("Sec-WebSocket-Key must be 16 bytes in base64");

  const std::string salted = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(salted.data(), salted.size(), digest.data(), &length, EVP_sha1(), nullptr) != 1) {
    return base::fail(base::Code::kInternal, "SHA-1 is not available");
  }
  std::array<unsigned char, 64> text{};
  const int size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(length));
  return std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size));
}

}  // namespace saccade::net
