// One socket on one loop: reading when there is something, writing what could not be sent at once, a
// deadline, an end. The protocols (http1_connection, http2_connection, websocket_connection) derive from it.
// TLS, where there is any, is in here alone: what derives reads and sends plain bytes.
//
// Lifecycle: made and added to its LoopState on the loop's thread; close() ends it from any state, once;
// handlers under way keep it alive by shared_ptr. All members belong to the loop's thread, except the flag
// behind gone().
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/loop_state.h"
#include "net/peer.h"
#include "net/socket.h"
#include "net/tls.h"

namespace saccade::net {

// A socket, and TLS on it where the server has a certificate.
struct Wire {
  Socket socket;
  std::unique_ptr<TlsStream> tls;  // uses the socket
  PeerPointer peer;
};

class Connection : public runtime::EventLoop::Watcher {
 public:
  Connection(LoopState& state, Wire wire);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  base::TimePoint deadline() const { return deadline_; }
  virtual void on_deadline() = 0;
  virtual void drain() = 0;
  // Closes the socket and forgets the connection. Nothing is sent; idempotent.
  void close();

 protected:
  enum class Read : std::uint8_t { kBytes, kNothingYet, kEndOfStream, kFailed };
  struct ReadResult {
    Read kind = Read::kNothingYet;
    std::size_t count = 0;
  };

  virtual std::shared_ptr<Connection> self() = 0;
  virtual void on_readable() = 0;
  // All that was given to send() has left.
  virtual void on_sent() = 0;
  // The socket has just been closed.
  virtual void on_close() {}
  // The peer is gone altogether; nothing needs to be done, as reading and writing say so too.
  virtual void on_broken() {}

  // Begins to hear of the socket; once, on the loop's thread. False: the connection is closed.
  bool watch();
  // Asks for one on_readable(); does nothing while one is pending.
  void wait_readable();
  // A read past read_into() came back empty.
  void found_nothing() { readable_ = false; }
  // Asks for one on_writable().
  void wait_writable();
  virtual void on_writable() { send_rest(); }
  ReadResult read_into(char* place, std::size_t room);
  // Sends now what the socket takes and keeps the rest. False: the peer has gone, the connection is closed.
  bool send(std::string_view bytes);
  bool sending() const { return !unsent_.empty(); }
  std::size_t unsent_bytes() const { return unsent_.size() - sent_; }
  // Ends our side, then reads on for a moment so that the peer sees what was sent before the end.
  void linger();
  // Hands the socket over to another connection; this one ends without closing it.
  Wire release_wire();
  bool closed() const { return closed_; }
  bool lingering() const { return lingering_; }
  bool broken() const { return broken_; }
  void set_deadline(std::chrono::milliseconds from_now) { deadline_ = state_.loop.turn_began() + from_now; }
  void set_deadline_at(base::TimePoint when) { deadline_ = when; }
  void clear_deadline() { deadline_ = base::TimePoint::max(); }

  LoopState& state_;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  PeerPointer peer_;
  std::shared_ptr<std::atomic<bool>> gone_;

 private:
  void on_ready(Ready ready) final;
  // How many bytes the socket took; none: it is full. Nothing: the peer has gone.
  std::optional<std::size_t> write_some(std::string_view bytes);
  ssize_t receive(char* place, std::size_t room);
  ReadResult read_plain(char* place, std::size_t room);
  ReadResult read_tls(char* place, std::size_t room);
  void readable();
  void send_rest();
  void read_to_the_end();

  base::TimePoint deadline_ = base::TimePoint::max();
  std::string unsent_;
  std::size_t sent_ = 0;  // of unsent_, from its front
  bool waiting_ = false;  // somebody has asked for on_readable()
  bool waiting_to_write_ = false;
  bool readable_ = false;  // as far as is known: no read has come back empty since the socket said so
  bool ended_ = false;     // the peer sends nothing more: the socket stays readable
  bool broken_ = false;    // and takes nothing more
  bool watched_ = false;
  bool closed_ = false;
  bool lingering_ = false;
  bool released_ = false;
};

}  // namespace saccade::net
