// The keys and certificates of one reading of the file, to be looked up. Never changes; safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/identity.h"
#include "access/key_file.h"

namespace saccade::access {

class KeyTable {
 public:
  // An entry that was in `before` as it is now keeps its identity, so that what was let in by it goes on.
  KeyTable(std::vector<KeyEntry> entries, const KeyTable* before);

  // `digest`: SHA-256 of the key that was shown. Null: there is none.
  IdentityPointer find_key(std::string_view digest) const;
  IdentityPointer find_certificate(std::string_view subject) const;
  std::size_t size() const { return entries_.size(); }
  bool has_certificates() const { return !by_certificate_.empty(); }
  // Ends the identities that `next` does not have any more.
  void end_all_but(const KeyTable& next) const;

 private:
  std::vector<KeyEntry> entries_;
  std::vector<std::shared_ptr<Identity>> identities_;  // of the entries
  // By the digest's first bytes, compared as a whole without telling by the time where they differ.
  std::unordered_multimap<std::uint64_t, std::size_t> by_digest_;
  std::map<std::string, std::size_t, std::less<>> by_certificate_;
};

}  // namespace saccade::access
