#include "access/key_table.h"

#include <cstring>
#include <unordered_set>
#include <utility>

#include <openssl/crypto.h>

namespace saccade::access {
namespace {

std::uint64_t head_of(std::string_view digest) {
  std::uint64_t head = 0;
  std::memcpy(&head, digest.data(), sizeof head);
  return head;
}

std::shared_ptr<Identity> make_identity(const KeyEntry& entry) {
  auto made = std::make_shared<Identity>();
  made->name = entry.name;
  made->models = entry.models;
  if (entry.expires) made->expires = *entry.expires;
  made->rights = entry.rights;
  made->shares_cache = entry.shares_cache;
  return made;
}

}  // namespace

KeyTable::KeyTable(std::vector<KeyEntry> entries, const KeyTable* before) : entries_(std::move(entries)) {
  std::map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; before != nullptr && i < before->entries_.size(); ++i) {
    known.emplace(before->entries_[i].name, i);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const KeyEntry& entry = entries_[i];
    const auto same = known.find(entry.name);
    const bool kept = same != known.end() && before->entries_[same->second] == entry;
    identities_.push_back(kept ? before->identities_[same->second] : make_identity(entry));
    if (entry.digest.empty()) {
      by_certificate_.emplace(entry.certificate, i);
    } else {
      by_digest_.emplace(head_of(entry.digest), i);
    }
  }
}

IdentityPointer KeyTable::find_key(std::string_view digest) const {
  if (digest.size() != kDigestBytes) return nullptr;
  const auto [first, last] = by_digest_.equal_range(head_of(digest));
  for (auto at = first; at != last; ++at) {
    if (CRYPTO_memcmp(entries_[at->second].digest.data(), digest.data(), kDigestBytes) == 0)
      return identities_[at->second];
  }
  return nullptr;
}

IdentityPointer KeyTable::find_certificate(std::string_view subject) const {
  const auto found = by_certificate_.find(subject);
  return found == by_certificate_.end() ? nullptr : identities_[found->second];
}

void KeyTable::end_all_but(const KeyTable& next) const {
  std::unordered_set<const Identity*> kept;
  for (const auto& identity : next.identities_) kept.insert(identity.get());
  for (const auto& identity : identities_) {
    if (!kept.contains(identity.get())) identity->ended.store(true, std::memory_order_relaxed);
  }
}

}  // namespace saccade::access
