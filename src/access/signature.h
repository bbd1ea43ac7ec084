// The signatures of tokens (RFC 7518, 3; RFC 8037), by OpenSSL. Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "access/jwk.h"

namespace saccade::access {

struct Algorithm {
  std::string_view name;  // "RS256"
  KeyKind kind;           // of the keys that it goes with
  const char* hash;       // OpenSSL's name; null: the algorithm hashes by itself
  bool pss = false;
  std::size_t half = 0;  // bytes of each of the two numbers of an ECDSA signature

  bool fits(const Jwk& key) const { return key.kind == kind && (key.alg.empty() || key.alg == name); }
};

// Null: none that is taken.
const Algorithm* find_algorithm(std::string_view name);
bool verify_signature(const Algorithm& algorithm, const Jwk& key, std::string_view text,
                      std::string_view signature);

}  // namespace saccade::access
