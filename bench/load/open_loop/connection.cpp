#include "connection.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/uio.h>
#include <system_error>
#include <unistd.h>

namespace open_loop {

Connection::Connection(const Options& options, const std::string& handshake, const std::string& message)
    : handshake_(handshake),
      message_(message),
      answers_(options.websocket ? websocket_answers() : http_answers()),
      owed_(options.in_flight) {
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "socket");
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    break_off(std::string("connect: ") + std::strerror(errno));
  }
}

Connection::~Connection() {
  ::close(descriptor_);
}

void Connection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return break_off(std::string("connect: ") + std::strerror(error));
  state_ = handshake_.empty() ? State::kOpen : State::kShaking;
}

void Connection::put(std::size_t request) {
  owed_[(oldest_ + waiting_++) % owed_.size()] = request;
  unwritten_ += message_.size();
}

void Connection::flush() {
  while (state_ == State::kShaking && handshake_written_ < handshake_.size()) {
    const ssize_t size = ::send(descriptor_, handshake_.data() + handshake_written_,
                                handshake_.size() - handshake_written_, MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) return break_off(std::string("send: ") + std::strerror(errno));
    handshake_written_ += static_cast<std::size_t>(size);
  }
  while (unwritten_ > 0 && state_ == State::kOpen) {
    std::array<iovec, 16> parts{};
    std::size_t count = 0;
    std::size_t offset = (message_.size() - unwritten_ % message_.size()) % message_.size();
    for (std::size_t left = unwritten_; left > 0 && count < parts.size(); offset = 0) {
      parts[count++] = {const_cast<char*>(message_.data()) + offset, message_.size() - offset};
      left -= message_.size() - offset;
    }
    msghdr out{};
    out.msg_iov = parts.data();
    out.msg_iovlen = count;
    const ssize_t size = ::sendmsg(descriptor_, &out, MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return break_off(std::string("send: ") + std::strerror(errno));
    unwritten_ -= static_cast<std::size_t>(size);
  }
}

std::string_view Connection::receive(std::span<char> scratch) {
  more_ = false;
  const ssize_t size = ::recv(descriptor_, scratch.data(), scratch.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (size < 0) return break_off(std::string("recv: ") + std::strerror(errno)), std::string_view{};
  if (size == 0) return break_off("the server closed the connection"), std::string_view{};
  more_ = static_cast<std::size_t>(size) == scratch.size();
  return {scratch.data(), static_cast<std::size_t>(size)};
}

std::string_view Connection::shake(std::string_view bytes) {
  const std::size_t before = shaken_.size();
  shaken_ += bytes;
  const std::size_t end = shaken_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (shaken_.size() > 65'536) break_off("the handshake's answer does not end");
    return {};
  }
  if (!shaken_.starts_with("HTTP/1.1 101")) {
    break_off("no WebSocket: " + shaken_.substr(0, 300));
    return {};
  }
  state_ = State::kOpen;
  bytes.remove_prefix(end + 4 - before);
  return bytes;
}

void Connection::break_off(std::string why) {
  state_ = State::kBroken;
  why_ = std::move(why);
}

std::vector<std::size_t> Connection::owed() const {
  std::vector<std::size_t> requests;
  for (std::size_t i = 0; i < waiting_; ++i) requests.push_back(owed_[(oldest_ + i) % owed_.size()]);
  return requests;
}

}  // namespace open_loop
