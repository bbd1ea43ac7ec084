// Addresses of the internet, and ranges of them (RFC 4632, RFC 4291).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::limit {

// IPv4 addresses as IPv6 has them (::ffff:a.b.c.d), so that one form is compared with one form.
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  // "192.0.2.1", "2001:db8::1"; brackets, a port or a zone behind it are no part of it.
  static std::optional<Address> parse(std::string_view text);
  bool is_v4() const;
  // Who is counted as one: an IPv4 address, or the /64 of an IPv6 address (which is what one subscriber has).
  Address subscriber() const;
  std::string text() const;
  auto operator<=>(const Address&) const = default;
};

// "10.0.0.0/8", "2001:db8::/32", or a single address.
struct Network {
  Address first;
  int bits = 128;

  static base::Result<Network> parse(std::string_view text);
  bool contains(const Address& address) const;
  bool operator==(const Network&) const = default;
};

bool contains(std::span<const Network> networks, const Address& address);

}  // namespace saccade::limit
