// JSON Web Tokens as bearer tokens (RFC 7519, RFC 7515), checked as RFC 8725 advises.
//
// The key decides which algorithm may be used, not the token: only signatures by public keys are taken
// (RS, PS, ES and EdDSA), each with a key of its own kind, so neither "none" nor an HMAC with a public key
// for its secret gets in. Headers that would bring a key along (jwk, jku, x5c, x5u) are not looked at; "crit"
// is refused, as none of its extensions is known. Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "access/identity.h"
#include "access/jwk.h"

namespace saccade::access {

inline constexpr std::size_t kLongestToken = std::size_t{16} * 1024;

// What a token must say, and how it says what its holder may do.
struct TokenRules {
  std::string issuer;        // "iss" must be this
  std::string audience;      // "aud" must be or contain this
  std::int64_t leeway = 30;  // seconds that clocks may differ by
  std::string scope_claim = "scope";
  std::string scope_prefix = "saccade:";  // before predict, read, admin
  std::string models_claim = "models";
};

enum class Fault : std::uint8_t {
  kMalformed,   // no token at all, or of a form that is never taken
  kUnknownKey,  // its key is none of the set's: the set may be out of date
  kForged,      // the signature is not that key's
  kExpired,
  kUnfit,  // signed, but not for us: issuer, audience, times, claims
};

struct TokenFault {
  Fault fault = Fault::kMalformed;
  std::string message;
};

// `now`: seconds since 1970.
std::expected<std::shared_ptr<Identity>, TokenFault> check_token(std::string_view token, const KeySet& keys,
                                                                 const TokenRules& rules, std::int64_t now);

// Whether it looks like one, rather than like an API key.
bool looks_like_token(std::string_view credential);

}  // namespace saccade::access
