#include "access/token_memory.h"

#include <utility>

namespace saccade::access {

void TokenMemory::turn_to(std::uint64_t keys) {
  if (keys == keys_) return;
  kept_.clear();
  keys_ = keys;
}

IdentityPointer TokenMemory::find(std::string_view digest, std::uint64_t keys, std::int64_t now) {
  turn_to(keys);
  if (digest.empty()) return nullptr;
  thread_local std::string key;  // with memory of its own, so that a look costs none
  key.assign(digest);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  if (found->second->valid(now)) return found->second;
  kept_.erase(found);
  return nullptr;
}

// A digest lies anywhere, so the first one in the table is any one.
void TokenMemory::keep(std::string_view digest, std::uint64_t keys, IdentityPointer identity) {
  turn_to(keys);
  if (digest.empty()) return;
  if (kept_.size() >= kMost) kept_.erase(kept_.begin());
  kept_.insert_or_assign(std::string(digest), std::move(identity));
}

}  // namespace saccade::access
