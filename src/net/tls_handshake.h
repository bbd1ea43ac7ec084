// A new connection to a server with TLS, until both sides have agreed. Then it hands its socket over to the
// protocol that ALPN has chosen. Belongs to its loop's thread.
#pragma once

#include "net/connection.h"

namespace saccade::net {

class TlsHandshake final : public Connection, public std::enable_shared_from_this<TlsHandshake> {
 public:
  TlsHandshake(LoopState& state, Wire wire) : Connection(state, std::move(wire)) {}
  void start();

  void on_deadline() override { close(); }
  void drain() override { close(); }

 private:
  std::shared_ptr<Connection> self() override { return shared_from_this(); }
  void on_readable() override { go_on(); }
  void on_writable() override;
  void on_sent() override {}

  void go_on();
  void done();
  void failed();

  base::TimePoint given_{};  // until when it has to be done
  bool wants_room_ = false;  // the handshake does, not an answer
};

}  // namespace saccade::net
