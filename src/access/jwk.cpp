#include "access/jwk.h"

#include <optional>
#include <utility>

#include <boost/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "access/base64url.h"

namespace saccade::access {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostKeys = 256;
constexpr std::size_t kLeastRsaBytes = 256;  // 2048 bits (RFC 7518, 3.3)
constexpr std::size_t kMostRsaBytes = 1024;
constexpr std::size_t kMostExponentBytes = 8;

struct Release {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;
using KeyPointer = std::shared_ptr<EVP_PKEY>;

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<std::string> bytes_of(const json::object& object, std::string_view name) {
  const std::string_view text = text_of(object, name);
  if (text.empty()) return std::nullopt;
  return decode_base64url(text);
}

const unsigned char* data(const std::string& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

KeyPointer from_params(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0) {
    return nullptr;
  }
  KeyPointer key(made, EVP_PKEY_free);
  const Owned<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new_from_pkey(nullptr, made, nullptr));
  return check && EVP_PKEY_public_check(check.get()) > 0 ? key : nullptr;  // a point must be on its curve
}

KeyPointer rsa_key(const json::object& object) {
  const auto modulus = bytes_of(object, "n");
  const auto exponent = bytes_of(object, "e");
  if (!modulus || !exponent || modulus->size() < kLeastRsaBytes || modulus->size() > kMostRsaBytes ||
      exponent->size() > kMostExponentBytes) {
    return nullptr;
  }
  const Owned<BIGNUM> n(BN_bin2bn(data(*modulus), static_cast<int>(modulus->size()), nullptr));
  const Owned<BIGNUM> e(BN_bin2bn(data(*exponent), static_cast<int>(exponent->size()), nullptr));
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || BN_num_bits(n.get()) < static_cast<int>(kLeastRsaBytes * 8) ||
      !BN_is_odd(e.get()) || BN_is_one(e.get()) ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return from_params("RSA", builder.get());
}

struct Curve {
  std::string_view name;  // as "crv" has it
  const char* group;
  KeyKind kind;
  std::size_t bytes;  // of a coordinate
};
constexpr Curve kCurves[] = {{"P-256", "P-256", KeyKind::kP256, 32},
                             {"P-384", "P-384", KeyKind::kP384, 48},
                             {"P-521", "P-521", KeyKind::kP521, 66}};

KeyPointer curve_key(const json::object& object, const Curve& curve) {
  const auto x = bytes_of(object, "x");
  const auto y = bytes_of(object, "y");
  if (!x || !y || x->size() != curve.bytes || y->size() != curve.bytes) return nullptr;
  const std::string point = '\x04' + *x + *y;  // uncompressed (SEC 1, 2.3.3)
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return nullptr;
  }
  return from_params("EC", builder.get());
}

KeyPointer ed25519_key(const json::object& object) {
  const auto x = bytes_of(object, "x");
  if (!x) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data(*x), x->size()), EVP_PKEY_free};
}

bool for_signatures(const json::object& object) {
  if (object.contains("use") && text_of(object, "use") != "sig") return false;
  const json::value* uses = object.if_contains("key_ops");
  if (uses == nullptr) return true;
  if (!uses->is_array()) return false;
  for (const json::value& use : uses->get_array()) {
    if (use.is_string() && use.get_string() == "verify") return true;
  }
  return false;
}

std::optional<Jwk> read_key(const json::object& object) {
  if (!for_signatures(object)) return std::nullopt;
  Jwk made{.id = std::string(text_of(object, "kid")), .alg = std::string(text_of(object, "alg")), .key = {}};
  const std::string_view type = text_of(object, "kty");
  if (type == "RSA") {
    made.kind = KeyKind::kRsa;
    made.key = rsa_key(object);
  } else if (type == "EC") {
    for (const Curve& curve : kCurves) {
      if (text_of(object, "crv") != curve.name) continue;
      made.kind = curve.kind;
      made.key = curve_key(object, curve);
    }
  } else if (type == "OKP" && text_of(object, "crv") == "Ed25519") {
    made.kind = KeyKind::kEd25519;
    made.key = ed25519_key(object);
  }
  if (!made.key) return std::nullopt;
  return made;
}

}  // namespace

base::Result<KeySet> KeySet::parse(std::string_view text) {
  if (text.size() > kLargestKeySet) return base::invalid_argument("it has more than 1 MiB");
  boost::system::error_code error;
  const json::value root = json::parse(text, error);
  if (error) return base::invalid_argument("it is no JSON: " + error.message());
  const json::object* object = root.if_object();
  const json::value* keys = object == nullptr ? nullptr : object->if_contains("keys");
  if (keys == nullptr || !keys->is_array())
    return base::invalid_argument("it is no JSON Web Key Set, an object with a list \"keys\"");
  std::vector<Jwk> made;
  for (const json::value& value : keys->get_array()) {
    if (made.size() == kMostKeys) break;
    if (!value.is_object()) continue;
    if (auto key = read_key(value.get_object())) made.push_back(*std::move(key));
  }
  if (made.empty()) {
    return base::invalid_argument(
        "none of its " + std::to_string(keys->get_array().size()) +
        " keys is a public key for signatures: RSA of 2048 bits or more, EC on P-256, "
        "P-384 or P-521, or Ed25519");
  }
  return KeySet(std::move(made));
}

}  // namespace saccade::access
