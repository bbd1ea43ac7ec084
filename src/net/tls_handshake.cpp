#include "net/tls_handshake.h"

#include "net/http1_connection.h"
#include "net/http2_connection.h"

namespace saccade::net {

void TlsHandshake::start() {
  state_.add(shared_from_this());
  if (state_.draining()) return close();
  set_deadline(state_.limits.header_timeout);
  go_on();
}

void TlsHandshake::go_on() {
  switch (tls_->handshake()) {
    case TlsStream::Step::kDone:
      return done();
    case TlsStream::Step::kWantsRead:
      return wait_readable();
    case TlsStream::Step::kWantsWrite:
      socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                         [this, keep = self()](const boost::system::error_code& error) {
                           if (!error && !closed()) go_on();
                         });
      return;
    default:
      return failed();
  }
}

void TlsHandshake::done() {
  const auto keep = self();
  if (tls_->protocol() == "h2") {
    std::make_shared<Http2Connection>(state_, release_wire())->start({});
  } else {
    std::make_shared<Http1Connection>(state_, release_wire())->start();
  }
}

// Whoever speaks HTTP without TLS is told so, in its own tongue; anybody else has been sent an alert.
void TlsHandshake::failed() {
  if (!tls_->met_plain_http()) return close();
  tls_.reset();
  static constexpr std::string_view kBody =
      R"({"error": "this port speaks HTTPS; use https:// instead of http://"})";
  std::string answer = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n";
  answer += "Content-Length: " + std::to_string(kBody.size()) + "\r\n\r\n";
  answer += kBody;
  if (send(answer)) linger();
}

}  // namespace saccade::net
