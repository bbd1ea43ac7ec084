#include "net/server.h"

#include <algorithm>

#include <boost/asio/ip/v6_only.hpp>

#include "net/http1_connection.h"
#include "net/tls_handshake.h"
#include "observe/log.h"

namespace saccade::net {

using boost::asio::ip::tcp;

namespace {
constexpr std::chrono::milliseconds kAcceptBackOff{100};  // after an error such as "too many open files"
}  // namespace

struct Server::Listener {
  explicit Listener(boost::asio::io_context& context) : acceptor(context), timer(context) {}
  tcp::acceptor acceptor;
  boost::asio::steady_timer timer;
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
base::Result<std::vector<tcp::endpoint>> addresses_of(const std::string& host, std::uint16_t port,
                                                      boost::asio::io_context& context) {
  if (host == "localhost") {
    return std::vector<tcp::endpoint>{{boost::asio::ip::address_v4::loopback(), port},
                                      {boost::asio::ip::address_v6::loopback(), port}};
  }
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
                                           const std::string& flag) {
  auto found = addresses_of(host, port, loops_[0].context());
  if (!found) return std::unexpected(found.error());
  std::vector<tcp::endpoint>& endpoints = *found;
  // IPv4 first: its failure is the one to report, and a free port taken there is asked for in IPv6.
  std::ranges::sort(endpoints);
  const auto same = std::ranges::unique(endpoints);
  endpoints.erase(same.begin(), same.end());

  base::Status first = base::invalid_argument("host \"" + host + "\" has no address");
  for (tcp::endpoint& endpoint : endpoints) {
    if (port == 0 && first) endpoint.port(listeners_.back()->acceptor.local_endpoint().port());
    const base::Status bound = bind(endpoint, flag);
    const bool is_first = &endpoint == &endpoints.front();
    if (is_first) first = bound;
    if (!bound && (is_first || endpoint.address().is_v4())) return std::unexpected(bound.error());
  }
  return listeners_.back()->acceptor.local_endpoint().port();
}

base::Status Server::bind(const tcp::endpoint& endpoint, const std::string& flag) {
  auto listener = std::make_unique<Listener>(loops_[0].context());
  boost::system::error_code error;
  listener->acceptor.open(endpoint.protocol(), error);
  if (!error) listener->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    listener->acceptor.set_option(boost::asio::ip::v6_only(true), error);
  }
  if (!error) listener->acceptor.bind(endpoint, error);
  if (!error) listener->acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) {
    const std::string place = endpoint.address().to_string() + " port " + std::to_string(endpoint.port());
    if (error == boost::asio::error::address_in_use) {
      return base::fail(base::Code::kUnavailable,
                        place + " is in use by another program; choose another port with " + flag);
    }
    return base::fail(base::Code::kUnavailable, "can't listen on " + place + ": " + error.message());
  }
  listeners_.push_back(std::move(listener));
  return {};
}

void Server::start() {
  for (const auto& state : states_) {
    state->loop.post([&state] { state->start_clock(); });
  }
  for (const auto& listener : listeners_) {
    loops_[0].post([this, &listener] { accept(*listener); });
  }
}

LoopState& Server::quietest() {
  return **std::ranges::min_element(states_, {}, [](const auto& state) { return state->open.load(); });
}

void Server::accept(Listener& listener) {
  LoopState& state = quietest();
  listener.acceptor.async_accept(
      state.loop.context(),
      [this, &listener, &state](const boost::system::error_code& error, tcp::socket socket) {
        if (error == boost::asio::error::operation_aborted || !listener.acceptor.is_open()) return;
        if (error) {
          observe::log_warning("accepting a connection failed: {}", error.message());
          listener.timer.expires_after(kAcceptBackOff);
          listener.timer.async_wait([this, &listener](const boost::system::error_code& stopped) {
            if (!stopped) accept(listener);
          });
          return;
        }
        take(std::move(socket), state);
        accept(listener);
      });
}

void Server::take(tcp::socket socket, LoopState& state) {
  metrics_.accepted.add();
  if (connections() >= limits_.connections) {
    metrics_.refused.add();
    return;  // closed by the socket's end
  }
  state.open.fetch_add(1);
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  std::unique_ptr<TlsStream> tls;
  if (tls_) {
    socket.native_non_blocking(true, ignored);
    tls = tls_->accept(socket.native_handle());
  }
  state.loop.post([&state, wire = Wire{std::move(socket), std::move(tls)}]() mutable {
    if (wire.tls) {
      std::make_shared<TlsHandshake>(state, std::move(wire))->start();
    } else {
      std::make_shared<Http1Connection>(state, std::move(wire))->start();
    }
  });
}

void Server::stop_accepting() {
  for (const auto& listener : listeners_) {
    loops_[0].post([&listener] {
      boost::system::error_code ignored;
      listener->acceptor.close(ignored);
      listener->timer.cancel();
    });
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
