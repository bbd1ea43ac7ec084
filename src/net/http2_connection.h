// One HTTP/2 connection: an Http2Session on a socket. Belongs to its loop's thread.
//
// All frames that become ready in one turn of the loop leave in one write. While the socket is full none are
// made, and nothing is read.
#pragma once

#include "net/connection.h"
#include "net/http2_session.h"

namespace saccade::net {

class Http2Connection final : public Connection,
                              public Http2Session::Owner,
                              public std::enable_shared_from_this<Http2Connection> {
 public:
  // What every connection begins with (RFC 9113, 3.4), as far as it takes to tell it from HTTP/1.1.
  static constexpr std::string_view kPreface = "PRI ";

  Http2Connection(LoopState& state, Wire wire);
  ~Http2Connection() override;
  // `received`: the first bytes, where some were read already.
  void start(std::string_view received);

  void on_deadline() override;
  void drain() override;
  void on_output() override;

 private:
  std::shared_ptr<Connection> self() override { return shared_from_this(); }
  void on_readable() override;
  void on_sent() override { flush(); }
  void on_close() override { session_.end(); }

  void flush();
  void settle();

  Http2Session session_;
  bool flush_posted_ = false;
};

}  // namespace saccade::net
