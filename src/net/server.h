// Listens, accepts, and deals connections out to the loops, to the one that has the fewest.
//
// One acceptor serves each address (not one per loop with SO_REUSEPORT): connections spread evenly however
// few they are, and a port that another program holds is an error instead of a silent half of the traffic.
//
// Lifecycle: listen() for each address → start() once the loops run → stop_accepting() → drain() →
// close_all() before the loops stop.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "base/error.h"
#include "net/limits.h"
#include "net/loop_state.h"
#include "net/socket.h"
#include "net/tls_reload.h"
#include "runtime/event_loop.h"

namespace saccade::net {

class Server {
 public:
  Server(runtime::LoopGroup& loops, const Limits& limits, HttpHandler& handler, observe::Registry& registry);
  ~Server();

  // Binds every address that the host's name has (`localhost`: 127.0.0.1 and ::1). Port 0 takes a free one.
  // The port bound, or why it can't be and what to do; `flag` is what sets it.
  // `takes_admin`: what connections to it are told of by Peer::takes_admin.
  base::Result<std::uint16_t> listen(const std::string& host, std::uint16_t port, const std::string& flag,
                                     bool takes_admin = true);
  // Some address that listen() bound can be reached from other machines.
  bool beyond_loopback() const { return beyond_loopback_; }
  // Every listener speaks TLS alone, with the newest of its contexts. Before start(); outlives this.
  void use_tls(const TlsReload& tls) { tls_ = &tls; }
  void start();

  void stop_accepting();
  void drain();
  void close_all();
  std::size_t connections() const;

 private:
  class Listener;  // final. NOLINT(cppcoreguidelines-virtual-class-destructor)
  base::Status bind(const boost::asio::ip::tcp::endpoint& endpoint, const std::string& flag,
                    bool takes_admin);
  void accept(Listener& listener);
  void take(const Listener& listener, Socket socket, const boost::asio::ip::tcp::endpoint& peer);
  LoopState& quietest();

  runtime::LoopGroup& loops_;
  const Limits limits_;
  const TlsReload* tls_ = nullptr;  // null: plain
  NetMetrics metrics_;
  std::vector<std::unique_ptr<LoopState>> states_;    // one per loop
  std::vector<std::unique_ptr<Listener>> listeners_;  // on loop 0
  bool beyond_loopback_ = false;
};

}  // namespace saccade::net
