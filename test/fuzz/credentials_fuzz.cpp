// What says who somebody is, from outside and from files: tokens, key sets, keys files, Cache-Control.
// Whatever comes, a token that no key of the set has signed is never taken.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "access/base64url.h"
#include "access/http_get.h"
#include "access/jwk.h"
#include "access/jwt.h"
#include "access/key_file.h"
#include "access/times.h"

namespace {

using namespace saccade::access;

const KeySet& known_keys() {
  // A public key on P-256 (RFC 7515, A.3) and one on Ed25519 (RFC 8037, A.2). What signs with them is
  // published, but no fuzzer signs.
  static const KeySet keys = *KeySet::parse(
      R"({"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
          "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
          {"kty":"OKP","kid":"e","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  return keys;
}

void check(bool right) {
  if (!right) std::abort();
}

void try_token(std::string_view token, const KeySet& keys) {
  static const TokenRules rules{.issuer = "i", .audience = "a"};
  const auto checked = check_token(token, keys, rules, 1'800'000'000);
  check(!checked.has_value());
  check(!checked.error().message.empty());
}

// The input with a header and claims in base64url, so that the fuzzer gets beyond that.
std::string as_token(std::string_view text) {
  const std::size_t first = text.find('\n');
  if (first == text.npos) return std::string(text);
  const std::size_t second = text.find('\n', first + 1);
  const std::string_view claims =
      text.substr(first + 1, second == text.npos ? text.npos : second - first - 1);
  const std::string_view signature = second == text.npos ? std::string_view() : text.substr(second + 1);
  return base64url(text.substr(0, first)) + "." + base64url(claims) + "." + base64url(signature);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 4) {
    case 0:
      try_token(text, known_keys());
      try_token(as_token(text), known_keys());
      break;
    case 1:
      if (const auto keys = KeySet::parse(text)) check(!keys->keys().empty());
      break;
    case 2:
      if (const auto entries = parse_keys(text)) {
        const auto again = parse_keys(write_keys(*entries));
        check(again.has_value() && *again == *entries);
      }
      break;
    default:
      if (const auto age = max_age_of(text)) check(age->count() >= 0);
      if (const auto time = parse_utc(text); time && text.size() > 10) check(utc_text(*time) == text);
      break;
  }
  return 0;
}
