#include "limit/client_address.h"

#include <cctype>
#include <vector>

namespace saccade::limit {
namespace {

constexpr std::size_t kMostEntries = 32;  // from the end; no honest chain of proxies is longer

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
         });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Parts between separators that stand in no quotes.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      parts.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  parts.push_back(trimmed(text.substr(begin)));
  return parts;
}

// Without quotes, brackets and port; nothing where it is no address ("unknown", "_hidden").
std::optional<Address> read_node(std::string_view node) {
  if (node.size() >= 2 && node.front() == '"' && node.back() == '"') node = node.substr(1, node.size() - 2);
  if (node.starts_with('[')) return Address::parse(node.substr(1, node.find(']') - 1));
  if (const auto address = Address::parse(node)) return address;
  return Address::parse(node.substr(0, node.find(':')));  // IPv4 with a port
}

std::string_view forwarded_for(std::string_view element) {
  for (const std::string_view pair : split(element, ';')) {
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && same_name(trimmed(pair.substr(0, equals)), "for"))
      return trimmed(pair.substr(equals + 1));
  }
  return {};
}

}  // namespace

std::string client_address(std::string_view peer, HeaderViews headers, std::span<const Network> trusted) {
  auto client = Address::parse(peer);
  if (!client || !contains(trusted, *client)) return std::string(peer);
  std::vector<std::string_view> chain;
  bool forwarded = false;
  for (const auto& [name, value] : headers) {  // several headers are one list
    const bool is_forwarded = same_name(name, "forwarded");
    if (!is_forwarded && (forwarded || !same_name(name, "x-forwarded-for"))) continue;
    if (is_forwarded && !forwarded) chain.clear();
    forwarded = forwarded || is_forwarded;
    const auto elements = split(value, ',');
    const std::size_t skipped = elements.size() > kMostEntries ? elements.size() - kMostEntries : 0;
    for (std::size_t i = skipped; i < elements.size(); ++i)
      chain.push_back(is_forwarded ? forwarded_for(elements[i]) : elements[i]);
  }
  std::size_t looked_at = 0;
  for (auto entry = chain.rbegin(); entry != chain.rend() && looked_at < kMostEntries; ++entry, ++looked_at) {
    const auto address = read_node(*entry);
    if (!address) break;  // a proxy that doesn't say: it is the last that is known
    client = address;
    if (!contains(trusted, *client)) break;
  }
  return client->text();
}

}  // namespace saccade::limit
