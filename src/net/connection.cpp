#include "net/connection.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/uio.h>

namespace saccade::net {
namespace {
constexpr std::chrono::milliseconds kLinger{2'000};
}  // namespace

Connection::Connection(LoopState& state, Wire wire)
    : state_(state),
      socket_(std::move(wire.socket)),
      tls_(std::move(wire.tls)),
      peer_(std::move(wire.peer)),
      gone_(std::make_shared<std::atomic<bool>>(false)) {}

Connection::~Connection() {
  if (!released_) state_.open.fetch_sub(1);
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  gone_->store(true, std::memory_order_relaxed);
  if (tls_) tls_->end();
  if (watched_) state_.loop.unwatch(socket_.descriptor(), *this);
  socket_.close();
  const auto keep = self();
  state_.remove(keep);
  on_close();
}

Wire Connection::release_wire() {
  closed_ = true;
  released_ = true;
  if (watched_) state_.loop.unwatch(socket_.descriptor(), *this);
  state_.remove(self());
  return {std::move(socket_), std::move(tls_), peer_};
}

bool Connection::watch() {
  watched_ = state_.loop.watch(socket_.descriptor(), *this);
  if (!watched_) close();
  return watched_;
}

void Connection::on_ready(Ready ready) {
  const auto keep = self();
  if (ready.read) readable_ = true;
  if (ready.ended) ended_ = true;
  if (ready.broken) broken_ = true;
  if (ready.write && waiting_to_write_) {
    waiting_to_write_ = false;
    on_writable();
  }
  if (ready.read && waiting_ && !closed_) readable();
  if (ready.broken && !closed_) on_broken();
}

void Connection::wait_readable() {
  if (waiting_ || closed_) return;
  waiting_ = true;
  if (!readable_ && !(tls_ && !lingering_ && tls_->holds_bytes())) return;
  state_.loop.post([this, keep = self()] {
    if (waiting_) readable();
  });
}

void Connection::readable() {
  waiting_ = false;
  if (closed_) return;
  if (lingering_) return read_to_the_end();
  on_readable();
}

Connection::ReadResult Connection::read_into(char* place, std::size_t room) {
  if (tls_) [[unlikely]]
    return read_tls(place, room);
  return read_plain(place, room);
}

// As ::recv(). The loop hears when the last byte came, as the listening socket has asked for it.
ssize_t Connection::receive(char* place, std::size_t room) {
  iovec part{.iov_base = place, .iov_len = room};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(socket_.descriptor(), &message, MSG_DONTWAIT);
  if (count <= 0) return count;
  const cmsghdr* const stamp = CMSG_FIRSTHDR(&message);
  if (stamp != nullptr && stamp->cmsg_level == SOL_SOCKET && stamp->cmsg_type == SCM_TIMESTAMPNS) {
    timespec time;
    std::memcpy(&time, CMSG_DATA(stamp), sizeof time);
    state_.loop.note_received(std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
  }
  return count;
}

Connection::ReadResult Connection::read_plain(char* place, std::size_t room) {
  for (;;) {
    const ssize_t count = receive(place, room);
    if (count > 0) {
      // Less than there was room for is all that there was; what comes later, the socket says again.
      if (static_cast<std::size_t>(count) < room) readable_ = ended_;
      return {Read::kBytes, static_cast<std::size_t>(count)};
    }
    if (count == 0) return {Read::kEndOfStream, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      readable_ = false;
      return {Read::kNothingYet, 0};
    }
    return {Read::kFailed, 0};
  }
}

Connection::ReadResult Connection::read_tls(char* place, std::size_t room) {
  const TlsStream::Moved moved = tls_->read(place, room);
  switch (moved.step) {
    case TlsStream::Step::kDone:
      if (tls_->drained()) readable_ = ended_;
      return {Read::kBytes, moved.count};
    case TlsStream::Step::kWantsRead:
    case TlsStream::Step::kWantsWrite:
      readable_ = false;
      return {Read::kNothingYet, 0};
    case TlsStream::Step::kEnded:
      return {Read::kEndOfStream, 0};
    case TlsStream::Step::kFailed:
      break;
  }
  return {Read::kFailed, 0};
}

std::optional<std::size_t> Connection::write_some(std::string_view bytes) {
  if (tls_) [[unlikely]] {
    const TlsStream::Moved moved = tls_->write(bytes);
    if (moved.step == TlsStream::Step::kDone || moved.step == TlsStream::Step::kWantsWrite)
      return moved.count;
    return std::nullopt;
  }
  for (;;) {
    const ssize_t count =
        ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    return std::nullopt;
  }
}

bool Connection::send(std::string_view bytes) {
  if (closed_) return false;
  if (sending()) {
    unsent_.append(bytes);
    return true;
  }
  while (!bytes.empty()) {
    const std::optional<std::size_t> count = write_some(bytes);
    if (!count) {
      close();
      return false;
    }
    if (*count == 0) {
      unsent_.assign(bytes);
      wait_writable();
      return true;
    }
    bytes.remove_prefix(*count);
  }
  return true;
}

void Connection::wait_writable() {
  set_deadline(state_.limits.write_timeout);
  waiting_to_write_ = true;
}

void Connection::send_rest() {
  // Until it takes nothing more: only then does the socket say again that it has room.
  while (sent_ < unsent_.size()) {
    const std::optional<std::size_t> count = write_some(std::string_view(unsent_).substr(sent_));
    if (!count) return close();
    if (*count == 0) return wait_writable();
    sent_ += *count;
  }
  std::string().swap(unsent_);
  sent_ = 0;
  if (lingering_) return linger();
  on_sent();
}

void Connection::linger() {
  if (closed_) return;
  lingering_ = true;
  if (sending()) return;  // goes on from send_rest()
  if (tls_) tls_->end();
  if (::shutdown(socket_.descriptor(), SHUT_WR) != 0) return close();
  set_deadline(kLinger);
  read_to_the_end();
}

void Connection::read_to_the_end() {
  constexpr int kReadsPerTurn = 8;  // somebody who sends without end must not hold the loop
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ReadResult read = read_plain(state_.read_buffer.get(), LoopState::kReadBytes);
    if (read.kind == Read::kNothingYet) break;
    if (read.kind != Read::kBytes) return close();
  }
  wait_readable();
}

}  // namespace saccade::net
