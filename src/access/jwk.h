// Public keys that tokens are signed with: a JSON Web Key Set (RFC 7517), read into OpenSSL's keys.
//
// Keys of kinds that are not known, or that are for encryption, are left out, as RFC 7517, 5 asks; a set that
// leaves none is an error. Symmetric keys ("oct") are never taken. Constant; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct evp_pkey_st;

namespace saccade::access {

enum class KeyKind : std::uint8_t { kRsa, kP256, kP384, kP521, kEd25519 };

struct Jwk {
  std::string id;   // "kid"; empty: it has none
  std::string alg;  // the only algorithm it may be used with; empty: any of its kind
  KeyKind kind = KeyKind::kRsa;
  std::shared_ptr<evp_pkey_st> key;
};

class KeySet {
 public:
  explicit KeySet(std::vector<Jwk> keys) : keys_(std::move(keys)) {}
  static base::Result<KeySet> parse(std::string_view json);
  const std::vector<Jwk>& keys() const { return keys_; }

 private:
  std::vector<Jwk> keys_;
};

inline constexpr std::size_t kLargestKeySet = std::size_t{1} << 20U;

}  // namespace saccade::access
