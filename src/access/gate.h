// Recognises callers: by API key, by token, by client certificate.
//
// Safe from every event loop; each loop keeps what it has seen to itself, so that recognising somebody again
// costs a hash and a look. Must end after the loops have stopped, or before they begin.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/identity.h"
#include "access/jwks_source.h"
#include "access/jwt.h"
#include "access/key_store.h"
#include "access/metrics.h"
#include "access/token_memory.h"
#include "base/error.h"
#include "runtime/event_loop.h"

namespace saccade::access {

struct Settings {
  std::string keys_file;  // empty: no API keys
  std::string jwks;       // a file or a URL; empty: no tokens
  std::string jwks_ca;    // authorities that such a URL's server is checked by; empty: the system's
  TokenRules rules;
  // Every connection shows a certificate of a trusted authority. Where there are neither keys nor tokens,
  // its holder may do everything.
  bool certificates = false;
  bool anonymous = false;                       // those who show nothing may do everything, too
  std::function<std::int64_t()> unix_now = {};  // seconds since 1970; empty: the clock

  bool any() const { return !keys_file.empty() || !jwks.empty() || certificates; }
};

// What a caller has shown. Needed during the call only.
struct Proof {
  std::string_view authorization;  // the header's value: "Bearer …"
  std::string_view api_key;        // of X-API-Key
  std::string_view certificate;    // the verified subject

  bool shows_credential() const { return !authorization.empty() || !api_key.empty(); }
};

class Gate {
 public:
  using Recognised = base::Result<IdentityPointer>;
  using Later = std::move_only_function<void(Recognised)>;
  // Makes what is called later; asked for only where there is a later, so that the usual call keeps nothing.
  using Keep = std::function<Later()>;

  static base::Result<std::unique_ptr<Gate>> open(Settings settings, std::size_t loops,
                                                  observe::Registry& registry);
  // The same of parts that are there already; either may be null. Watches nothing.
  Gate(Settings settings, std::unique_ptr<KeyStore> keys, std::unique_ptr<JwksSource> jwks, std::size_t loops,
       observe::Registry& registry);

  // Who it is (null: somebody who need not say), or an error (kUnauthenticated, kUnavailable), or nothing:
  // then what `keep` has made during this call is called once, on `loop`.
  std::optional<Recognised> recognise(const Proof& proof, runtime::EventLoop& loop, const Keep& keep);

  // Looks after the issuer's keys no more; who waits for them is answered.
  void close() {
    if (jwks_) jwks_->close();
  }

  Metrics& metrics() { return metrics_; }
  // Nobody gets in without having been recognised.
  bool recognises_all() const { return !settings_.anonymous; }

 private:
  struct alignas(64) LoopMemory {
    TokenMemory tokens;
    std::shared_ptr<const KeyTable> keys;
    std::uint64_t keys_generation = 0;
  };

  std::int64_t unix_now() const;
  const KeyTable& table(LoopMemory& memory) const;
  Recognised by_key(std::string_view key, LoopMemory& memory);
  Recognised by_certificate(std::string_view subject, LoopMemory& memory);
  std::optional<Recognised> by_token(std::string_view token, runtime::EventLoop& loop, const Keep& keep);
  std::expected<IdentityPointer, TokenFault> check(std::string_view token, std::string_view digest,
                                                   LoopMemory& memory);
  Recognised told(std::expected<IdentityPointer, TokenFault> checked);
  Recognised refuse(Outcome outcome, std::string message);
  std::string what_to_send() const;

  const Settings settings_;
  Metrics metrics_;
  std::vector<LoopMemory> loops_;   // by the loop's index
  std::unique_ptr<KeyStore> keys_;  // null: there are none
  std::unique_ptr<JwksSource>
      jwks_;  // null: tokens are not taken; its thread uses the rest, so it ends first
};

}  // namespace saccade::access
