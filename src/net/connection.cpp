#include "net/connection.h"

#include <cerrno>
#include <sys/socket.h>

namespace saccade::net {
namespace {
constexpr std::chrono::milliseconds kLinger{2'000};
}  // namespace

Connection::Connection(LoopState& state, boost::asio::ip::tcp::socket socket)
    : state_(state), socket_(std::move(socket)), gone_(std::make_shared<std::atomic<bool>>(false)) {}

Connection::~Connection() {
  if (!released_) state_.open.fetch_sub(1);
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  gone_->store(true, std::memory_order_relaxed);
  boost::system::error_code ignored;
  socket_.close(ignored);
  state_.remove(self());
}

boost::asio::ip::tcp::socket Connection::release_socket() {
  closed_ = true;
  released_ = true;
  state_.remove(self());
  return std::move(socket_);
}

void Connection::wait_readable() {
  if (waiting_ || closed_) return;
  waiting_ = true;
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                     [this, keep = self()](const boost::system::error_code& error) {
                       waiting_ = false;
                       if (error || closed_) return;
                       if (lingering_) return read_to_the_end();
                       on_readable();
                     });
}

Connection::ReadResult Connection::read_into(char* place, std::size_t room) {
  for (;;) {
    const ssize_t count = ::recv(socket_.native_handle(), place, room, MSG_DONTWAIT);
    if (count > 0) return {Read::kBytes, static_cast<std::size_t>(count)};
    if (count == 0) return {Read::kEndOfStream, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Read::kNothingYet, 0};
    return {Read::kFailed, 0};
  }
}

bool Connection::send(std::string_view bytes) {
  if (closed_) return false;
  if (sending()) {
    unsent_.append(bytes);
    return true;
  }
  while (!bytes.empty()) {
    const ssize_t count =
        ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      unsent_.assign(bytes);
      wait_writable();
      return true;
    }
    close();
    return false;
  }
  return true;
}

void Connection::wait_writable() {
  set_deadline(state_.limits.write_timeout);
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                     [this, keep = self()](const boost::system::error_code& error) {
                       if (error || closed_) return;
                       send_rest();
                     });
}

void Connection::send_rest() {
  const ssize_t count = ::send(socket_.native_handle(), unsent_.data() + sent_, unsent_.size() - sent_,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) {
    if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) return wait_writable();
    return close();
  }
  sent_ += static_cast<std::size_t>(count);
  if (sent_ < unsent_.size()) return wait_writable();
  std::string().swap(unsent_);
  sent_ = 0;
  if (lingering_) return linger();
  on_sent();
}

void Connection::linger() {
  if (closed_) return;
  lingering_ = true;
  if (sending()) return;  // goes on from send_rest()
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  if (ignored) return close();
  set_deadline(kLinger);
  read_to_the_end();
}

void Connection::read_to_the_end() {
  constexpr int kReadsPerTurn = 8;  // somebody who sends without end must not hold the loop
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ReadResult read = read_into(state_.read_buffer.get(), LoopState::kReadBytes);
    if (read.kind == Read::kNothingYet) break;
    if (read.kind != Read::kBytes) return close();
  }
  wait_readable();
}

}  // namespace saccade::net
