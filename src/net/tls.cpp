#include "net/tls.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509err.h>

namespace saccade::net {
namespace {

// ALPN's wire form: each name behind its length. Ours, the preferred first.
constexpr std::array<unsigned char, 12> kProtocols{2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* offered, unsigned int offered_length, void* /*none*/) {
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, length, kProtocols.data(), kProtocols.size(), offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

// A server that asks for a passphrase at its start stands still in the night.
int no_passphrase(char* /*place*/, int /*room*/, int /*writing*/, void* /*none*/) {
  return -1;
}

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? text : "no reason given";
}

base::Status readable(const std::string& flag, const std::string& file) {
  std::FILE* opened = std::fopen(file.c_str(), "r");
  if (opened == nullptr) return base::invalid_argument(flag + " " + file + ": " + std::strerror(errno));
  std::fclose(opened);
  return {};
}

base::Status load_files(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  if (const base::Status found = readable("--tls-certificate", certificate); !found) return found;
  if (const base::Status found = readable("--tls-key", key); !found) return found;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return base::invalid_argument("--tls-certificate " + certificate +
                                  ": can't be read as a certificate in PEM (" + reason() + ")");
  }
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
      return base::invalid_argument("--tls-key " + key + ": is not the key of the certificate in " +
                                    certificate);
    }
    return base::invalid_argument("--tls-key " + key +
                                  ": can't be read as a private key in PEM without a passphrase (" +
                                  reason() + ")");
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return base::invalid_argument("--tls-key " + key + ": is not the key of the certificate in " +
                                  certificate);
  }
  return {};
}

}  // namespace

TlsStream::TlsStream(SSL_CTX* context, int socket) : ssl_(SSL_new(context), SSL_free) {
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket) != 1) {
    broken_ = true;
    return;
  }
  SSL_set_accept_state(ssl_.get());
}

TlsStream::Step TlsStream::step_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return Step::kDone;
    case SSL_ERROR_WANT_READ:
      return Step::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Step::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Step::kEnded;
    default:
      broken_ = true;
      return Step::kFailed;
  }
}

TlsStream::Step TlsStream::handshake() {
  if (broken_) return Step::kFailed;
  ERR_clear_error();
  const Step step = step_of(SSL_do_handshake(ssl_.get()));
  if (step == Step::kFailed) plain_http_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
  return step;
}

std::string_view TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

// OpenSSL gives a record at a time: on until the room is full or nothing is left.
TlsStream::Moved TlsStream::read(char* place, std::size_t room) {
  std::size_t filled = 0;
  drained_ = false;
  while (filled < room) {
    if (broken_) return filled > 0 ? Moved{Step::kDone, filled} : Moved{};
    std::size_t count = 0;
    ERR_clear_error();
    const Step step = step_of(SSL_read_ex(ssl_.get(), place + filled, room - filled, &count));
    if (step == Step::kDone) {
      filled += count;
      continue;
    }
    drained_ = true;
    return filled > 0 ? Moved{Step::kDone, filled} : Moved{step, 0};
  }
  return {Step::kDone, filled};
}

TlsStream::Moved TlsStream::write(std::string_view bytes) {
  if (broken_) return {};
  std::size_t count = 0;
  ERR_clear_error();
  const Step step = step_of(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count));
  return {step, step == Step::kDone ? count : 0};
}

void TlsStream::end() {
  if (broken_ || ended_ || SSL_is_init_finished(ssl_.get()) == 0) return;
  ended_ = true;
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0) broken_ = true;
}

base::Result<std::unique_ptr<TlsContext>> TlsContext::load(const std::string& certificate,
                                                           const std::string& key) {
  std::unique_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_server_method())));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return base::fail(base::Code::kInternal, "OpenSSL can't start: " + reason());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Of version 1.2, what RFC 9113 (9.2.2) allows.
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need none
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (const base::Status loaded = load_files(context, certificate, key); !loaded) {
    return std::unexpected(loaded.error());
  }
  return made;
}

std::unique_ptr<TlsStream> TlsContext::accept(int socket) const {
  return std::make_unique<TlsStream>(context_.get(), socket);
}

}  // namespace saccade::net
