#include "message.h"

namespace open_loop {
namespace {

std::string head(const Options& options, const char* method) {
  std::string out = std::string(method) + ' ' + options.path +
                    " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) + "\r\n";
  for (const std::string& header : options.headers) out += header + "\r\n";
  return out;
}

// A final text frame with a mask, as a client must send (RFC 6455, 5.2). The same mask each time: no proxy
// listens here.
std::string masked_frame(const std::string& payload) {
  std::string frame(1, static_cast<char>(0x81));
  const std::size_t size = payload.size();
  const unsigned length_bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  frame += static_cast<char>(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (unsigned i = length_bytes; i-- > 0;) frame += static_cast<char>(size >> (8 * i));
  const std::string mask = "\x5A\xC3\x17\x9E";
  frame += mask;
  for (std::size_t i = 0; i < size; ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

}  // namespace

std::string make_message(const Options& options, const std::string& body) {
  if (options.websocket) return masked_frame(body);
  return head(options, "POST") + "Content-Type: " + options.content_type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string make_handshake(const Options& options) {
  if (!options.websocket) return "";
  return head(options, "GET") +
         "Upgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: c2FjY2FkZS1iZW5jaC0wMQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

}  // namespace open_loop
