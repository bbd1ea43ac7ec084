// An issuer: makes keys, their public halves as JSON Web Keys, and tokens signed with them.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "access/base64url.h"

namespace saccade::access {

class Signer {
 public:
  // `alg`: of the tokens; the key is of the kind that goes with it.
  explicit Signer(std::string alg, std::string id = "k1") : alg_(std::move(alg)), id_(std::move(id)) {
    if (alg_.ends_with("384")) hash_ = "SHA384", half_ = 48, curve_ = "P-384";
    if (alg_.ends_with("512")) hash_ = "SHA512", half_ = 66, curve_ = "P-521";
    if (alg_[0] == 'R' || alg_[0] == 'P')
      key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}), EVP_PKEY_free);
    if (alg_[0] == 'E' && alg_[1] == 'S')
      key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve_.c_str()), EVP_PKEY_free);
    if (alg_ == "EdDSA") key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    if (!key_) throw std::runtime_error("no key for " + alg_);
  }

  // With more members, as ,"use":"sig".
  std::string jwk(const std::string& more = "") const {
    const std::string head = "{\"kid\":\"" + id_ + "\"" + more + ",";
    if (alg_ == "EdDSA") {
      unsigned char raw[32];
      std::size_t size = sizeof raw;
      EVP_PKEY_get_raw_public_key(key_.get(), raw, &size);
      return head + R"("kty":"OKP","crv":"Ed25519","x":")" + text(raw, size) + "\"}";
    }
    if (alg_.starts_with("ES")) {
      return head + R"("kty":"EC","crv":")" + curve_ + R"(","x":")" +
             number(OSSL_PKEY_PARAM_EC_PUB_X, half_) + R"(","y":")" +
             number(OSSL_PKEY_PARAM_EC_PUB_Y, half_) + "\"}";
    }
    return head + R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 256) + R"(","e":")" +
           number(OSSL_PKEY_PARAM_RSA_E, 3) + "\"}";
  }
  std::string set(const std::string& more = "") const { return "{\"keys\":[" + jwk(more) + "]}"; }

  std::string token(const std::string& claims) const { return token_of(header(), claims); }
  std::string header() const { return R"({"alg":")" + alg_ + R"(","kid":")" + id_ + "\"}"; }
  std::string token_of(const std::string& header, const std::string& claims) const {
    const std::string body = base64url(header) + "." + base64url(claims);
    return body + "." + base64url(sign(body));
  }
  // The public key in PEM's stead: what a careless server might take for an HMAC's secret.
  std::string token_by_secret(const std::string& claims, const std::string& secret) const {
    const std::string body = base64url(R"({"alg":"HS256","kid":")" + id_ + "\"}") + "." + base64url(claims);
    unsigned char mac[32];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), mac, &size);
    return body + "." + text(mac, size);
  }

 private:
  static std::string text(const unsigned char* bytes, std::size_t size) {
    return base64url({reinterpret_cast<const char*>(bytes), size});
  }
  std::string number(const char* parameter, std::size_t size) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), parameter, &value);
    std::string bytes(size, '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size));
    BN_free(value);
    return base64url(bytes);
  }
  std::string sign(const std::string& body) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* details = nullptr;
    const char* hash = alg_ == "EdDSA" ? nullptr : hash_.c_str();
    EVP_DigestSignInit_ex(context.get(), &details, hash, nullptr, nullptr, key_.get(), nullptr);
    if (alg_.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST);
    }
    const auto* in = reinterpret_cast<const unsigned char*>(body.data());
    std::size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, in, body.size());
    std::string signature(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, in, body.size());
    signature.resize(size);
    return alg_.starts_with("ES") ? side_by_side(signature) : signature;
  }
  std::string side_by_side(const std::string& der) const {
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
        d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())), ECDSA_SIG_free);
    std::string bytes(2 * half_, '\0');
    auto* out = reinterpret_cast<unsigned char*>(bytes.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out, static_cast<int>(half_));
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out + half_, static_cast<int>(half_));
    return bytes;
  }

  std::string alg_;
  std::string id_;
  std::string hash_ = "SHA256";
  std::string curve_ = "P-256";
  std::size_t half_ = 32;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace saccade::access
