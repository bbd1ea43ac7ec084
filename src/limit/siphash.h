// SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012): a hash with a
// secret key, so that nobody outside can choose names that fall into one place.
#pragma once

#include <cstdint>
#include <string_view>

namespace saccade::limit {

struct SipKey {
  std::uint64_t first = 0;
  std::uint64_t second = 0;

  static SipKey random();
};

std::uint64_t siphash(const SipKey& key, std::string_view bytes);

}  // namespace saccade::limit
