// The file of API keys and of client certificates' rights: JSON that people and `saccade key` write.
//
//   {"keys": [
//     {"name": "ci", "sha256": "9f86d0…", "scopes": ["predict"], "models": ["digits*"], "expires":
//     "2027-01-31T00:00:00Z"},
//     {"name": "batch", "certificate": "CN=batch,O=Example", "scopes": ["predict", "read"]}]}
//
// A key itself is nowhere kept, only its SHA-256. A slow hash (bcrypt, Argon2) makes guessing passwords dear;
// a key has 256 random bits, which nobody guesses at any price, and it is hashed for every call.
//
// Pure functions. Errors (kInvalidArgument) name the entry, what was wrong and what would be right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/right.h"
#include "base/error.h"

namespace saccade::access {

inline constexpr std::size_t kDigestBytes = 32;
inline constexpr std::size_t kLargestKeyFile = std::size_t{16} * 1024 * 1024;

struct KeyEntry {
  std::string name;
  std::string digest;       // SHA-256 of the key, as bytes; empty: the entry is a certificate's
  std::string certificate;  // the subject as RFC 2253 writes it; empty: the entry is a key's
  Rights rights;
  std::optional<std::vector<std::string>> models;  // absent: all
  std::optional<std::int64_t> created;             // seconds since 1970
  std::optional<std::int64_t> expires;
  bool shares_cache = true;  // false: "cache": "private"

  bool operator==(const KeyEntry&) const = default;
};

base::Result<std::vector<KeyEntry>> parse_keys(std::string_view text);
std::string write_keys(const std::vector<KeyEntry>& entries);

// "predict", "read", "admin".
base::Result<Right> parse_scope(std::string_view name);
// Not empty, at most 256 bytes, printable.
base::Status check_name(std::string_view name);
base::Status check_patterns(const std::vector<std::string>& models);

// Empty where OpenSSL fails (no memory): nothing is found by that.
std::string sha256(std::string_view bytes);

}  // namespace saccade::access
