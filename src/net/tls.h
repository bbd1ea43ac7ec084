// TLS on a socket, by OpenSSL: a context for the server, a stream for each connection. Version 1.2 or
// newer; ALPN chooses HTTP/2 where the client speaks it.
//
// A context is constant once made and may be used from any thread; streams keep what they need of it. A
// stream belongs to its connection's loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "base/error.h"
#include "net/tls_files.h"

namespace saccade::net {

class TlsStream {
 public:
  enum class Step : std::uint8_t { kDone, kWantsRead, kWantsWrite, kEnded, kFailed };
  struct Moved {
    Step step = Step::kFailed;
    std::size_t count = 0;  // with kDone
  };

  // The socket must not block, and outlive this.
  TlsStream(SSL_CTX* context, int socket);

  Step handshake();
  // After a handshake that failed: the peer sent HTTP without TLS.
  bool met_plain_http() const { return plain_http_; }
  // Chosen by ALPN: "h2", "http/1.1", or empty where the client left it open.
  std::string_view protocol() const;

  // The subject of the certificate that the client has shown and that was verified, as RFC 2253 writes it;
  // empty: it has shown none. After the handshake.
  std::string client_subject() const;

  Moved read(char* place, std::size_t room);
  Moved write(std::string_view bytes);
  // Bytes may be had from read() although the socket has none.
  bool holds_bytes() const { return !drained_ && SSL_has_pending(ssl_.get()) != 0; }
  // The last read() took all that had come.
  bool drained() const { return drained_; }
  // Says that nothing more comes from us, if the socket takes it now. Idempotent.
  void end();

 private:
  Step step_of(int result);

  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool drained_ = false;
  bool broken_ = false;  // OpenSSL forbids any further call
  bool plain_http_ = false;
  bool ended_ = false;
};

class TlsContext {
 public:
  // `files` are for the errors, which name them.
  static base::Result<std::shared_ptr<const TlsContext>> make(const TlsFiles& files, const TlsTexts& texts);
  std::unique_ptr<TlsStream> accept(int socket) const;
  // When the server's own certificate ends, in seconds since 1970.
  std::int64_t expiry() const { return expiry_; }

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context, SSL_CTX_free) {}

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::int64_t expiry_ = 0;
};

}  // namespace saccade::net
