#include "access/signature.h"

#include <algorithm>
#include <memory>
#include <string>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace saccade::access {
namespace {

constexpr Algorithm kAlgorithms[] = {
    {.name = "RS256", .kind = KeyKind::kRsa, .hash = "SHA256"},
    {.name = "ES256", .kind = KeyKind::kP256, .hash = "SHA256", .half = 32},
    {.name = "EdDSA", .kind = KeyKind::kEd25519, .hash = nullptr},
    {.name = "Ed25519", .kind = KeyKind::kEd25519, .hash = nullptr},  // RFC 9864's name for it
    {.name = "PS256", .kind = KeyKind::kRsa, .hash = "SHA256", .pss = true},
    {.name = "RS384", .kind = KeyKind::kRsa, .hash = "SHA384"},
    {.name = "RS512", .kind = KeyKind::kRsa, .hash = "SHA512"},
    {.name = "PS384", .kind = KeyKind::kRsa, .hash = "SHA384", .pss = true},
    {.name = "PS512", .kind = KeyKind::kRsa, .hash = "SHA512", .pss = true},
    {.name = "ES384", .kind = KeyKind::kP384, .hash = "SHA384", .half = 48},
    {.name = "ES512", .kind = KeyKind::kP521, .hash = "SHA512", .half = 66},
};

struct Release {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

const unsigned char* data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// A token has the two numbers side by side (RFC 7518, 3.4), OpenSSL wants them in DER. Empty: it is none.
std::string to_der(std::string_view signature, std::size_t half) {
  if (signature.size() != 2 * half) return {};
  const Owned<ECDSA_SIG> made(ECDSA_SIG_new());
  Owned<BIGNUM> r(BN_bin2bn(data(signature), static_cast<int>(half), nullptr));
  Owned<BIGNUM> s(BN_bin2bn(data(signature.substr(half)), static_cast<int>(half), nullptr));
  if (!made || !r || !s || ECDSA_SIG_set0(made.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // the signature's now
  (void)s.release();
  const int size = i2d_ECDSA_SIG(made.get(), nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* place = reinterpret_cast<unsigned char*>(der.data());
  i2d_ECDSA_SIG(made.get(), &place);
  return der;
}

bool verify(const Algorithm& algorithm, const Jwk& key, std::string_view text, std::string_view signature) {
  std::string der;
  if (algorithm.half != 0) {
    der = to_der(signature, algorithm.half);
    if (der.empty()) return false;
    signature = der;
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;  // the context's
  if (!context || EVP_DigestVerifyInit_ex(context.get(), &details, algorithm.hash, nullptr, nullptr,
                                          key.key.get(), nullptr) != 1) {
    return false;
  }
  // The salt is as long as the hash (RFC 7518, 3.5).
  if (algorithm.pss && (EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) <= 0 ||
                        EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) <= 0)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), data(signature), signature.size(), data(text), text.size()) == 1;
}

}  // namespace

const Algorithm* find_algorithm(std::string_view name) {
  const auto* found = std::ranges::find(kAlgorithms, name, &Algorithm::name);
  return found == std::end(kAlgorithms) ? nullptr : found;
}

bool verify_signature(const Algorithm& algorithm, const Jwk& key, std::string_view text,
                      std::string_view signature) {
  const bool right = verify(algorithm, key, text, signature);
  ERR_clear_error();  // TLS on this thread looks at the same queue
  return right;
}

}  // namespace saccade::access
