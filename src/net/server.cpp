#include "net/server.h"

#include <algorithm>
#include <cerrno>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>

#include <boost/asio/io_context.hpp>

#include "net/http1_connection.h"
#include "net/tls_handshake.h"
#include "observe/log.h"

namespace saccade::net {

using boost::asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds kAcceptBackOff{100};  // after an error such as "too many open files"
constexpr int kAcceptsPerTurn = 64;

void turn_on(int socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

// As it was bound: with the port that the system chose.
tcp::endpoint bound_to(int socket) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket, endpoint.data(), &size) == 0) endpoint.resize(size);
  return endpoint;
}

}  // namespace

// An address that connections come in at. Belongs to loop 0 once it listens.
class Server::Listener final : public runtime::EventLoop::Watcher {
 public:
  Listener(Server& server, runtime::EventLoop& event_loop, Socket socket, bool admin)
      : loop(event_loop),
        timer(event_loop),
        port(bound_to(socket.descriptor()).port()),
        takes_admin(admin),
        server_(server),
        socket_(std::move(socket)) {}

  void start() {
    if (!loop.watch(socket_.descriptor(), *this)) {
      observe::log_error("can't wait for connections: {}", std::generic_category().message(errno));
    }
  }
  void stop() {
    if (!socket_.is_open()) return;
    loop.unwatch(socket_.descriptor(), *this);
    socket_.close();
    timer.cancel();
  }
  void on_ready(Ready /*ready*/) override { server_.accept(*this); }
  int descriptor() const { return socket_.descriptor(); }

  runtime::EventLoop& loop;
  runtime::Timer timer;
  const std::uint16_t port;
  const bool takes_admin;

 private:
  Server& server_;
  Socket socket_;
};

Server::Server(runtime::LoopGroup& loops, const Limits& limits, HttpHandler& handler,
               observe::Registry& registry)
    : loops_(loops), limits_(limits), metrics_(registry) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    states_.push_back(std::make_unique<LoopState>(loops[i], limits_, handler, metrics_));
  }
}

Server::~Server() = default;

namespace {

// `localhost` is the loopback addresses wherever it is asked for (RFC 6761, 6.3), even where no resolver
// knows it.
base::Result<std::vector<tcp::endpoint>> addresses_of(const std::string& host, std::uint16_t port) {
  if (host == "localhost") {
    return std::vector<tcp::endpoint>{{boost::asio::ip::address_v4::loopback(), port},
                                      {boost::asio::ip::address_v6::loopback(), port}};
  }
  boost::asio::io_context context;
  boost::system::error_code error;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error) {
    return base::invalid_argument("host \"" + host + "\" has no address here (" + error.message() +
                                  "); use an address such as 127.0.0.1 or 0.0.0.0");
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  return endpoints;
}

}  // namespace

base::Result<std::uint16_t> Server::listen(const std::string& host, std::uint16_t port,
                                           const std::string& flag, bool takes_admin) {
  auto found = addresses_of(host, port);
  if (!found) return std::unexpected(found.error());
  std::vector<tcp::endpoint>& endpoints = *found;
  // IPv4 first: its failure is the one to report, and a free port taken there is asked for in IPv6.
  std::ranges::sort(endpoints);
  const auto same = std::ranges::unique(endpoints);
  endpoints.erase(same.begin(), same.end());

  base::Status first = base::invalid_argument("host \"" + host + "\" has no address");
  for (tcp::endpoint& endpoint : endpoints) {
    if (port == 0 && first) endpoint.port(listeners_.back()->port);
    const base::Status bound = bind(endpoint, flag, takes_admin);
    const bool is_first = &endpoint == &endpoints.front();
    if (is_first) first = bound;
    if (!bound && (is_first || endpoint.address().is_v4())) return std::unexpected(bound.error());
  }
  return listeners_.back()->port;
}

base::Status Server::bind(const tcp::endpoint& endpoint, const std::string& flag, bool takes_admin) {
  Socket socket(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.is_open()) {
    turn_on(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR);
    turn_on(socket.descriptor(), SOL_SOCKET, SO_TIMESTAMPNS);  // connections have it from here
    if (endpoint.address().is_v6()) turn_on(socket.descriptor(), IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (!socket.is_open() ||
      ::bind(socket.descriptor(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(socket.descriptor(), SOMAXCONN) != 0) {
    const int error = errno;
    const std::string place = endpoint.address().to_string() + " port " + std::to_string(endpoint.port());
    if (error == EADDRINUSE) {
      return base::fail(base::Code::kUnavailable,
                        place + " is in use by another program; choose another port with " + flag);
    }
    return base::fail(base::Code::kUnavailable,
                      "can't listen on " + place + ": " + std::generic_category().message(error));
  }
  if (!endpoint.address().is_loopback()) beyond_loopback_ = true;
  listeners_.push_back(std::make_unique<Listener>(*this, loops_[0], std::move(socket), takes_admin));
  return {};
}

void Server::start() {
  for (const auto& state : states_) {
    state->loop.post([&state] { state->start_clock(); });
  }
  for (const auto& listener : listeners_) {
    loops_[0].post([&listener] { listener->start(); });
  }
}

LoopState& Server::quietest() {
  return **std::ranges::min_element(states_, {}, [](const auto& state) { return state->open.load(); });
}

void Server::accept(Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (listener.descriptor() < 0) return;
    tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    Socket socket(::accept4(listener.descriptor(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.is_open()) {
      peer.resize(size);
      take(listener, std::move(socket), peer);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // One that went before it was taken says nothing about the next.
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
    observe::log_warning("accepting a connection failed: {}", std::generic_category().message(errno));
    listener.timer.set(base::now() + kAcceptBackOff, [this, &listener] { accept(listener); });
    return;
  }
  listener.loop.post([this, &listener] { accept(listener); });
}

namespace {

std::string text_of(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

void Server::take(const Listener& listener, Socket socket, const tcp::endpoint& peer) {
  metrics_.accepted.add();
  if (connections() >= limits_.connections) {
    metrics_.refused.add();
    return;  // closed by the socket's end
  }
  LoopState& state = quietest();
  state.open.fetch_add(1);
  turn_on(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY);
  std::unique_ptr<TlsStream> tls;
  if (tls_) tls = tls_->current()->accept(socket.descriptor());
  auto known = std::make_shared<const Peer>(Peer{.address = text_of(peer.address()),
                                                 .certificate = {},
                                                 .tls = tls != nullptr,
                                                 .takes_admin = listener.takes_admin});
  state.loop.post([&state, wire = Wire{std::move(socket), std::move(tls), std::move(known)}]() mutable {
    if (wire.tls) {
      std::make_shared<TlsHandshake>(state, std::move(wire))->start();
    } else {
      std::make_shared<Http1Connection>(state, std::move(wire))->start();
    }
  });
}

void Server::stop_accepting() {
  for (const auto& listener : listeners_) {
    loops_[0].post([&listener] { listener->stop(); });
  }
}

void Server::drain() {
  for (const auto& state : states_) {
    state->loop.post([&state] { state->drain(); });
  }
}

void Server::close_all() {
  for (const auto& state : states_) {
    state->loop.post([&state] { state->close_all(); });
  }
}

std::size_t Server::connections() const {
  std::size_t sum = 0;
  for (const auto& state : states_) sum += state->open.load();
  return sum;
}

}  // namespace saccade::net
