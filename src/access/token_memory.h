// Tokens that were checked, until they end: a signature costs as much as many small predictions. One for each
// loop; belongs to its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "access/identity.h"

namespace saccade::access {

class TokenMemory {
 public:
  static constexpr std::size_t kMost = 4096;

  // `digest`: SHA-256 of the token. `keys`: the generation of the key set; what was checked against another
  // is forgotten. Null: not known.
  IdentityPointer find(std::string_view digest, std::uint64_t keys, std::int64_t now);
  // In the place of one of those that are kept, where there is no more room.
  void keep(std::string_view digest, std::uint64_t keys, IdentityPointer identity);
  std::size_t size() const { return kept_.size(); }

 private:
  void turn_to(std::uint64_t keys);

  std::unordered_map<std::string, IdentityPointer> kept_;
  std::uint64_t keys_ = 0;
};

}  // namespace saccade::access
