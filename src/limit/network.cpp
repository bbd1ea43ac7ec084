#include "limit/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace saccade::limit {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.empty() || text.size() >= copy.size()) return std::nullopt;
  std::ranges::copy(text, copy.begin());
  Address address;
  if (inet_pton(AF_INET6, copy.data(), address.bytes.data()) == 1) return address;
  std::ranges::copy(kV4Prefix, address.bytes.begin());
  if (inet_pton(AF_INET, copy.data(), address.bytes.data() + kV4Prefix.size()) == 1) return address;
  return std::nullopt;
}

bool Address::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
}

Address Address::subscriber() const {
  Address address = *this;
  if (!is_v4()) std::fill(address.bytes.begin() + 8, address.bytes.end(), std::uint8_t{0});
  return address;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes.data() + kV4Prefix.size() : bytes.data(), out.data(),
            out.size());
  return out.data();
}

base::Result<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  const auto wrong = [&](const std::string& what) {
    return base::invalid_argument("\"" + std::string(text) + "\" is no network: " + what +
                                  "; it should be like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1");
  };
  if (!address) return wrong("it does not begin with an IP address");
  Network network{.first = *address, .bits = 128};
  const int v4_bits = address->is_v4() ? 96 : 0;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    int bits = -1;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc{} || end != length.data() + length.size() || bits < 0 || bits > 128 - v4_bits)
      return wrong("the length of its prefix should be a number up to " + std::to_string(128 - v4_bits));
    network.bits = bits + v4_bits;
  }
  for (int bit = network.bits; bit < 128; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((network.first.bytes.at(static_cast<std::size_t>(bit / 8)) & mask) != 0)
      return wrong("the address has bits behind the prefix");
  }
  return network;
}

bool Network::contains(const Address& address) const {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(first.bytes.begin(), first.bytes.begin() + whole, address.bytes.begin())) return false;
  if (bits % 8 == 0) return true;
  const int mask = 0xff00 >> (bits % 8) & 0xff;
  return ((first.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
}

bool contains(std::span<const Network> networks, const Address& address) {
  return std::ranges::any_of(networks, [&](const Network& network) { return network.contains(address); });
}

}  // namespace saccade::limit
