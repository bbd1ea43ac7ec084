#include "net/tls.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

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

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio bytes_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

Certificate next_certificate(BIO* bio) {
  return {PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr), X509_free};
}

// What stopped the reading of one certificate after the other: the end, or something that is none.
bool at_the_end() {
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

base::Status use_certificate(SSL_CTX* context, const std::string& file, const std::string& text) {
  const auto fail = [&] {
    return base::invalid_argument("--tls-certificate " + file + ": can't be read as a certificate in PEM (" +
                                  reason() + ")");
  };
  const Bio bio = bytes_of(text);
  ERR_clear_error();
  // Also of OpenSSL's own form, BEGIN TRUSTED CERTIFICATE.
  const Certificate own(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr), X509_free);
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) return fail();
  SSL_CTX_clear_chain_certs(context);
  while (const Certificate next = next_certificate(bio.get())) {
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return fail();
  }
  if (!at_the_end()) return fail();
  return {};
}

base::Status use_key(SSL_CTX* context, const TlsFiles& files, const std::string& text) {
  const Bio bio = bytes_of(text);
  ERR_clear_error();
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
      SSL_CTX_check_private_key(context) == 1) {
    return {};
  }
  if (key != nullptr) {
    return base::invalid_argument("--tls-key " + files.key + ": is not the key of the certificate in " +
                                  files.certificate);
  }
  return base::invalid_argument("--tls-key " + files.key +
                                ": can't be read as a private key in PEM without a passphrase (" + reason() +
                                ")");
}

// Whose clients are trusted. Only these authorities count, not those that the system trusts.
base::Status use_client_ca(SSL_CTX* context, const TlsFiles& files, const std::string& text) {
  const auto fail = [&] {
    return base::invalid_argument("--tls-client-ca " + files.client_ca +
                                  ": can't be read as certificates in PEM (" + reason() + ")");
  };
  const Bio bio = bytes_of(text);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  ERR_clear_error();
  while (const Certificate next = next_certificate(bio.get())) {
    // The list of names goes to clients, so that they know which certificate to show.
    if (X509_STORE_add_cert(store, next.get()) != 1 || SSL_CTX_add_client_CA(context, next.get()) != 1) {
      return fail();
    }
    ++count;
  }
  if (count == 0 || !at_the_end()) return fail();
  const int mode =
      SSL_VERIFY_PEER | (files.client_auth == ClientAuth::kRequire ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  SSL_CTX_set_verify(context, mode, nullptr);
  SSL_CTX_set_verify_depth(context, 8);
  // A session that is resumed would not be verified again: a certificate that has ended meanwhile, or an
  // authority that is trusted no more, would still get in.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  return {};
}

// Seconds since 1970.
std::int64_t end_of(const X509* certificate) {
  std::tm when{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) return 0;
  return static_cast<std::int64_t>(timegm(&when));
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

std::string TlsStream::client_subject() const {
  const Certificate shown(SSL_get1_peer_certificate(ssl_.get()), X509_free);
  if (shown == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  if (out == nullptr ||
      X509_NAME_print_ex(out.get(), X509_get_subject_name(shown.get()), 0, XN_FLAG_RFC2253) < 0) {
    return {};
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(std::max(length, 0L))};
}

base::Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsFiles& files,
                                                                 const TlsTexts& texts) {
  std::shared_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_server_method())));
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
  if (const base::Status used = use_certificate(context, files.certificate, texts.certificate); !used) {
    return std::unexpected(used.error());
  }
  if (const base::Status used = use_key(context, files, texts.key); !used) {
    return std::unexpected(used.error());
  }
  if (files.client_auth != ClientAuth::kNone) {
    if (const base::Status used = use_client_ca(context, files, texts.client_ca); !used) {
      return std::unexpected(used.error());
    }
  }
  made->expiry_ = end_of(SSL_CTX_get0_certificate(context));
  return made;
}

std::unique_ptr<TlsStream> TlsContext::accept(int socket) const {
  return std::make_unique<TlsStream>(context_.get(), socket);
}

}  // namespace saccade::net
