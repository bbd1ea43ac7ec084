#include "limit/siphash.h"

#include <bit>
#include <cstring>
#include <random>

namespace saccade::limit {
namespace {

struct State {
  std::uint64_t a;
  std::uint64_t b;
  std::uint64_t c;
  std::uint64_t d;

  void round() {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }
  void absorb(std::uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

}  // namespace

SipKey SipKey::random() {
  std::random_device device;
  const auto word = [&] { return static_cast<std::uint64_t>(device()) << 32U | device(); };
  return {.first = word(), .second = word()};
}

std::uint64_t siphash(const SipKey& key, std::string_view bytes) {
  State state{.a = key.first ^ 0x736f6d6570736575U,
              .b = key.second ^ 0x646f72616e646f6dU,
              .c = key.first ^ 0x6c7967656e657261U,
              .d = key.second ^ 0x7465646279746573U};
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56U;
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);  // the machine is little-endian, as the algorithm is
    state.absorb(word);
    bytes.remove_prefix(8);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i)
    last |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  state.absorb(last);
  state.c ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace saccade::limit
