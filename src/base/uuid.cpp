#include "base/uuid.h"

#include <algorithm>
#include <random>

#include "base/clock.h"

namespace saccade::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Layout (RFC 9562, 5.7 and method 3 of 6.2): 48 bits of milliseconds, 4 of version, 12 of sub-millisecond
// fraction, 2 of variant, 62 random. The first 60 free bits are one number that never falls within a thread.
struct Generator {
  std::mt19937_64 random{[] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }()};
  std::uint64_t last = 0;

  Uuid next() {
    const std::uint64_t micros = static_cast<std::uint64_t>(unix_micros());
    std::uint64_t stamp = ((micros / 1000) << 12) | ((micros % 1000) * 4096 / 1000);
    if (stamp <= last) stamp = last + 1;
    last = stamp;
    return assemble(stamp, random());
  }

  static Uuid assemble(std::uint64_t stamp, std::uint64_t random) {
    const std::uint64_t high = ((stamp >> 12) << 16) | 0x7000U | (stamp & 0xFFFU);
    const std::uint64_t low = (random & 0x3FFFFFFFFFFFFFFFU) | 0x8000000000000000U;
    Uuid id;
    for (std::size_t i = 0; i < 8; ++i) {
      id.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
      id.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return id;
  }
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool dash_at(std::size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

}  // namespace

Uuid Uuid::make() {
  thread_local Generator generator;
  return generator.next();
}

Uuid Uuid::first_at(std::int64_t unix_micros) {
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(unix_micros, 0));
  return Generator::assemble(((micros / 1000) << 12) | ((micros % 1000) * 4096 / 1000), 0);
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kUuidTextLength) return std::nullopt;
  Uuid id;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dash_at(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return std::nullopt;
    id.bytes[nibble / 2] = static_cast<std::uint8_t>((id.bytes[nibble / 2] << 4) | value);
    ++nibble;
  }
  return id;
}

void Uuid::write(char* out) const {
  std::size_t byte = 0;
  for (std::size_t i = 0; i < kUuidTextLength; i += 2) {
    if (dash_at(i)) *out++ = '-', ++i;
    *out++ = kHex[bytes[byte] >> 4];
    *out++ = kHex[bytes[byte] & 15];
    ++byte;
  }
}

std::string Uuid::text() const {
  std::string text(kUuidTextLength, '\0');
  write(text.data());
  return text;
}

}  // namespace saccade::base
