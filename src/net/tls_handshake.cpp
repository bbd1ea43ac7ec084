#include "net/tls_handshake.h"

#include <utility>

#include "net/http1_connection.h"
#include "net/http2_connection.h"

namespace saccade::net {

void TlsHandshake::start() {
  state_.add(shared_from_this());
  if (state_.draining()) return close();
  set_deadline(state_.limits.header_timeout);
  given_ = deadline();
  if (watch()) go_on();
}

void TlsHandshake::on_writable() {
  if (!std::exchange(wants_room_, false)) return Connection::on_writable();
  go_on();
}

void TlsHandshake::go_on() {
  switch (tls_->handshake()) {
    case TlsStream::Step::kDone:
      return done();
    case TlsStream::Step::kWantsRead:
      found_nothing();
      return wait_readable();
    case TlsStream::Step::kWantsWrite:
      wants_room_ = true;
      wait_writable();
      return set_deadline_at(given_);
    default:
      return failed();
  }
}

void TlsHandshake::done() {
  const auto keep = self();
  if (std::string subject = tls_->client_subject(); !subject.empty()) {
    auto known = std::make_shared<Peer>(*peer_);
    known->certificate = std::move(subject);
    peer_ = std::move(known);
  }
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
