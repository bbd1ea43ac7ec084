#include "access/gate.h"

#include <utility>

#include "access/words.h"
#include "base/clock.h"

namespace saccade::access {
namespace {

// "Bearer abc" -> "abc"; empty: another scheme, or nothing behind it.
std::string_view bearer(std::string_view authorization) {
  constexpr std::size_t kScheme = 6;
  if (authorization.size() <= kScheme || authorization[kScheme] != ' ') return {};
  if (!same_word(authorization.substr(0, kScheme), "bearer")) return {};
  const std::size_t first = authorization.find_first_not_of(' ', kScheme);
  if (first == authorization.npos) return {};
  return authorization.substr(first, authorization.find_last_not_of(' ') - first + 1);
}

}  // namespace

base::Result<std::unique_ptr<Gate>> Gate::open(Settings settings, std::size_t loops,
                                               observe::Registry& registry) {
  std::unique_ptr<KeyStore> keys;
  if (!settings.keys_file.empty()) {
    auto opened = KeyStore::open(settings.keys_file, registry);
    if (!opened) return std::unexpected(std::move(opened.error()));
    keys = *std::move(opened);
    keys->watch();
  }
  std::unique_ptr<JwksSource> jwks;
  if (!settings.jwks.empty()) {
    if (settings.rules.issuer.empty() || settings.rules.audience.empty()) {
      return base::invalid_argument(
          "--jwt-jwks needs --jwt-issuer and --jwt-audience: without them a token that was made for another "
          "service would be taken here");
    }
    auto opened = JwksSource::open(settings.jwks, settings.jwks_ca, registry);
    if (!opened) return std::unexpected(std::move(opened.error()));
    jwks = *std::move(opened);
    jwks->watch();
  }
  return std::make_unique<Gate>(std::move(settings), std::move(keys), std::move(jwks), loops, registry);
}

Gate::Gate(Settings settings, std::unique_ptr<KeyStore> keys, std::unique_ptr<JwksSource> jwks,
           std::size_t loops, observe::Registry& registry)
    : settings_(std::move(settings)),
      metrics_(registry),
      loops_(loops),
      keys_(std::move(keys)),
      jwks_(std::move(jwks)) {}

std::int64_t Gate::unix_now() const {
  return settings_.unix_now ? settings_.unix_now() : base::unix_micros() / 1'000'000;
}

const KeyTable& Gate::table(LoopMemory& memory) const {
  const std::uint64_t generation = keys_->generation();
  if (memory.keys_generation != generation) {
    memory.keys = keys_->table();
    memory.keys_generation = generation;
  }
  return *memory.keys;
}

std::string Gate::what_to_send() const {
  if (keys_ && jwks_)
    return "send \"Authorization: Bearer\" with an API key or a token, or X-API-Key with a key";
  if (keys_) return "send an API key as \"Authorization: Bearer KEY\" or as \"X-API-Key: KEY\"";
  if (jwks_) return "send a token as \"Authorization: Bearer TOKEN\"";
  return "show a client certificate";
}

Gate::Recognised Gate::refuse(Outcome outcome, std::string message) {
  metrics_.count(outcome);
  return base::fail(base::Code::kUnauthenticated, std::move(message));
}

std::optional<Gate::Recognised> Gate::recognise(const Proof& proof, runtime::EventLoop& loop,
                                                const Keep& keep) {
  LoopMemory& memory = loops_[loop.index()];
  if (!proof.shows_credential()) {
    if (!proof.certificate.empty()) return by_certificate(proof.certificate, memory);
    if (settings_.anonymous) return nullptr;
    return refuse(Outcome::kNone, "this call needs to know who asks: " + what_to_send());
  }
  const std::string_view credential = proof.api_key.empty() ? bearer(proof.authorization) : proof.api_key;
  if (credential.empty())
    return refuse(Outcome::kUnknownKey,
                  "the Authorization header is not \"Bearer\" and a key or token; " + what_to_send());
  if (jwks_ && looks_like_token(credential)) return by_token(credential, loop, keep);
  if (keys_) return by_key(credential, memory);
  if (jwks_) return refuse(Outcome::kBadToken, "what was sent is no token; " + what_to_send());
  return refuse(Outcome::kUnknownKey, "neither keys nor tokens are known here; " + what_to_send());
}

Gate::Recognised Gate::by_key(std::string_view key, LoopMemory& memory) {
  IdentityPointer found = table(memory).find_key(sha256(key));
  if (found == nullptr)
    return refuse(Outcome::kUnknownKey, "there is no such API key; it may have been revoked");
  if (!found->valid(unix_now())) return refuse(Outcome::kExpired, "the API key's time is over");
  metrics_.count(Outcome::kKey);
  return found;
}

Gate::Recognised Gate::by_certificate(std::string_view subject, LoopMemory& memory) {
  if (keys_) {
    if (IdentityPointer found = table(memory).find_certificate(subject)) {
      if (!found->valid(unix_now()))
        return refuse(Outcome::kExpired, "the time of the certificate's entry is over");
      metrics_.count(Outcome::kCertificate);
      return found;
    }
  }
  // Where others say what each caller may do, a certificate alone says nothing.
  if (keys_ || jwks_) {
    return refuse(Outcome::kNone, "the keys file has no entry for the certificate \"" +
                                      std::string(subject.substr(0, 300)) + "\"; " + what_to_send());
  }
  auto made = std::make_shared<Identity>();
  made->name = std::string(subject);
  made->rights = Rights::all();
  metrics_.count(Outcome::kCertificate);
  return made;
}

// ---- tokens

std::optional<Gate::Recognised> Gate::by_token(std::string_view token, runtime::EventLoop& loop,
                                               const Keep& keep) {
  LoopMemory& memory = loops_[loop.index()];
  std::string digest = sha256(token);
  auto checked = check(token, digest, memory);
  if (checked || checked.error().fault != Fault::kUnknownKey) return told(std::move(checked));
  // The token goes along: what the view shows ends with the call.
  if (!jwks_->may_ask(base::now())) return told(std::move(checked));
  Later later = keep();
  const bool asked =
      jwks_->ask(base::now(), [this, &loop, token = std::string(token), digest = std::move(digest),
                               later = std::move(later)]() mutable {
        loop.post([this, &loop, token = std::move(token), digest = std::move(digest),
                   later = std::move(later)]() mutable {
          later(told(check(token, digest, loops_[loop.index()])));
        });
      });
  if (asked) return std::nullopt;
  return told(std::move(checked));
}

std::expected<IdentityPointer, TokenFault> Gate::check(std::string_view token, std::string_view digest,
                                                       LoopMemory& memory) {
  const std::uint64_t generation = jwks_->generation();
  const std::int64_t now = unix_now();
  if (IdentityPointer known = memory.tokens.find(digest, generation, now)) return known;
  const auto keys = jwks_->keys();
  if (keys == nullptr) return std::unexpected(TokenFault{Fault::kUnknownKey, {}});
  auto identity = check_token(token, *keys, settings_.rules, now);
  if (!identity) return std::unexpected(std::move(identity.error()));
  memory.tokens.keep(digest, generation, *identity);
  return *std::move(identity);
}

Gate::Recognised Gate::told(std::expected<IdentityPointer, TokenFault> checked) {
  if (checked) {
    metrics_.count(Outcome::kToken);
    return *std::move(checked);
  }
  if (jwks_->keys() == nullptr) {
    metrics_.count(Outcome::kUnavailable);
    return base::fail(base::Code::kUnavailable,
                      "tokens can't be checked: the issuer's keys could not be fetched yet");
  }
  const bool expired = checked.error().fault == Fault::kExpired;
  return refuse(expired ? Outcome::kExpired : Outcome::kBadToken, std::move(checked.error().message));
}

}  // namespace saccade::access
