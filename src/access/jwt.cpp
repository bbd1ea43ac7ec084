#include "access/jwt.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "access/base64url.h"
#include "access/key_file.h"
#include "access/signature.h"
#include "access/words.h"

namespace saccade::access {
namespace {

namespace json = boost::json;

std::unexpected<TokenFault> fault(Fault kind, std::string message) {
  return std::unexpected(TokenFault{kind, std::move(message)});
}
std::unexpected<TokenFault> malformed(std::string message) {
  return fault(Fault::kMalformed, "the token " + std::move(message));
}
std::unexpected<TokenFault> unfit(std::string message) {
  return fault(Fault::kUnfit, "the token " + std::move(message));
}

struct Parts {
  json::object header;
  json::object claims;
  std::string signature;
  std::string_view signed_part;
};

std::optional<json::object> object_of(std::string_view encoded) {
  const auto text = decode_base64url(encoded);
  if (!text) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(*text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::expected<Parts, TokenFault> split(std::string_view token) {
  if (token.size() > kLongestToken) return malformed("is longer than 16 KiB");
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos)
    return malformed("is not three parts with dots between them");
  auto header = object_of(token.substr(0, first));
  if (!header) return malformed("has a header that is no JSON object in base64url");
  auto claims = object_of(token.substr(first + 1, second - first - 1));
  if (!claims) return malformed("has claims that are no JSON object in base64url");
  auto signature = decode_base64url(token.substr(second + 1));
  if (!signature) return malformed("has a signature that is not in base64url");
  return Parts{*std::move(header), *std::move(claims), *std::move(signature), token.substr(0, second)};
}

// A member that is a string, or nothing where there is none; `wrong`: it is there and no string.
std::string_view text_of(const json::object& object, std::string_view name, bool& wrong) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return {};
  if (value->is_string()) return value->get_string();
  wrong = true;
  return {};
}

// Tokens that were made for something else (ID tokens have no type of their own) may be signed by the same
// key.
bool access_type(std::string_view type) {
  return type.empty() || same_word(type, "jwt") || same_word(type, "at+jwt") ||
         same_word(type, "application/at+jwt");
}

std::expected<void, TokenFault> check_signature(const Parts& parts, const KeySet& keys) {
  bool wrong = false;
  const std::string_view name = text_of(parts.header, "alg", wrong);
  const std::string_view id = text_of(parts.header, "kid", wrong);
  const std::string_view type = text_of(parts.header, "typ", wrong);
  if (wrong) return malformed("has a header whose alg, kid or typ is no string");
  if (parts.header.contains("crit")) return malformed("has critical extensions (crit), and none is known");
  if (!access_type(type)) return malformed("is of another type (typ) than JWT or at+jwt");
  const Algorithm* algorithm = find_algorithm(name);
  if (algorithm == nullptr) {
    return malformed(
        "is not signed by a public key: alg must be RS256, ES256, PS256, EdDSA or a longer one of these");
  }
  const Jwk* chosen = nullptr;
  for (const Jwk& key : keys.keys()) {
    if (!algorithm->fits(key) || (!id.empty() && key.id != id)) continue;
    if (chosen != nullptr) return malformed("fits several keys of the set; its kid must name one");
    chosen = &key;
  }
  if (chosen == nullptr) {
    return fault(Fault::kUnknownKey,
                 "the token is signed by a key that is not in the issuer's set for this algorithm");
  }
  if (!verify_signature(*algorithm, *chosen, parts.signed_part, parts.signature))
    return fault(Fault::kForged, "the token's signature is wrong");
  return {};
}

// NumericDate (RFC 7519, 2): seconds, perhaps with a fraction. `otherwise`: where there is none.
std::expected<std::int64_t, TokenFault> time_of(const json::object& claims, std::string_view name,
                                                std::int64_t otherwise) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return otherwise;
  double seconds = 0;
  if (value->is_number()) seconds = value->to_number<double>();
  if (!value->is_number() || !std::isfinite(seconds) || std::abs(seconds) > 1e12) {
    return unfit("has a claim " + std::string(name) + " that is no time in seconds");
  }
  return static_cast<std::int64_t>(seconds);
}

std::expected<std::int64_t, TokenFault> check_times(const json::object& claims, const TokenRules& rules,
                                                    std::int64_t now) {
  if (!claims.contains("exp")) return unfit("has no end (exp)");
  const auto expires = time_of(claims, "exp", 0);
  if (!expires) return std::unexpected(expires.error());
  const auto begins = time_of(claims, "nbf", now);
  if (!begins) return std::unexpected(begins.error());
  const std::int64_t end = *expires + rules.leeway;
  if (now >= end) return fault(Fault::kExpired, "the token's time is over (exp)");
  if (now + rules.leeway < *begins) return unfit("is not valid yet (nbf)");
  return end;
}

bool meant_for(const json::object& claims, const std::string& audience) {
  const json::value* value = claims.if_contains("aud");
  if (value == nullptr) return false;
  if (value->is_string()) return value->get_string() == audience;
  if (!value->is_array()) return false;
  for (const json::value& one : value->get_array()) {
    if (one.is_string() && one.get_string() == audience) return true;
  }
  return false;
}

// A list of words: a string with spaces between them (RFC 8693, 4.2), or an array. Nothing: neither.
std::optional<std::vector<std::string>> words_of(const json::value& value) {
  std::vector<std::string> words;
  if (value.is_string()) {
    std::string_view rest = value.get_string();
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      if (end > 0) words.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return words;
  }
  if (!value.is_array()) return std::nullopt;
  for (const json::value& one : value.get_array()) {
    if (!one.is_string()) return std::nullopt;
    words.emplace_back(one.get_string());
  }
  return words;
}

std::expected<std::shared_ptr<Identity>, TokenFault> read_claims(const json::object& claims,
                                                                 const TokenRules& rules, std::int64_t now) {
  bool wrong = false;
  if (text_of(claims, "iss", wrong) != rules.issuer || wrong)
    return unfit("is not from the issuer (iss) that is trusted here");
  if (!meant_for(claims, rules.audience)) return unfit("is not meant for this server (aud)");
  const auto end = check_times(claims, rules, now);
  if (!end) return std::unexpected(end.error());
  auto made = std::make_shared<Identity>();
  made->expires = *end;
  made->name = text_of(claims, "sub", wrong);
  if (wrong || !check_name(made->name)) return unfit("has no subject (sub) that could name its holder");
  if (const json::value* scopes = claims.if_contains(rules.scope_claim)) {
    const auto words = words_of(*scopes);
    if (!words) return unfit("has a claim " + rules.scope_claim + " that is no list of words");
    for (const std::string& word : *words) {
      if (!word.starts_with(rules.scope_prefix)) continue;  // another service's
      if (const auto right = parse_scope(std::string_view(word).substr(rules.scope_prefix.size())))
        made->rights.add(*right);
    }
  }
  if (const json::value* models = claims.if_contains(rules.models_claim)) {
    auto patterns = words_of(*models);
    if (!patterns || !check_patterns(*patterns))
      return unfit("has a claim " + rules.models_claim + " that is no list of at most 256 patterns");
    made->models = *std::move(patterns);
  }
  if (claims.contains("saccade_cache")) {
    const std::string_view cache = text_of(claims, "saccade_cache", wrong);
    if (wrong || (cache != "shared" && cache != "private"))
      return unfit("has a claim saccade_cache that is neither \"shared\" nor \"private\"");
    made->shares_cache = cache == "shared";
  }
  return made;
}

}  // namespace

std::expected<std::shared_ptr<Identity>, TokenFault> check_token(std::string_view token, const KeySet& keys,
                                                                 const TokenRules& rules, std::int64_t now) {
  const auto parts = split(token);
  if (!parts) return std::unexpected(parts.error());
  if (const auto signature = check_signature(*parts, keys); !signature)
    return std::unexpected(signature.error());
  return read_claims(parts->claims, rules, now);
}

// "eyJ" is how {" begins in base64.
bool looks_like_token(std::string_view credential) {
  const std::size_t first = credential.find('.');
  return credential.starts_with("eyJ") && first != credential.npos &&
         credential.find('.', first + 1) != credential.npos;
}

}  // namespace saccade::access
