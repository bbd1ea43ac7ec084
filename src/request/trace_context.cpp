#include "request/trace_context.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/hex.h"

namespace saccade::request {
namespace {

constexpr std::size_t kLength = 55;  // "00-" 32 "-" 16 "-" 2
constexpr std::size_t kMostMembers = 32;
constexpr std::size_t kMostState = 512;

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> into) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    into[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::string hex(std::span<const std::uint8_t> bytes) {
  return base::hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool in_key(char c) {
  return lower(c) || digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

// 3.3.1.3.1: a simple key, or one of a tenant and a system.
bool valid_key(std::string_view key) {
  const std::size_t at = key.find('@');
  const std::string_view first = key.substr(0, at);
  if (first.empty() || !std::ranges::all_of(first, in_key)) return false;
  if (at == key.npos) return lower(first.front()) && first.size() <= 256;
  const std::string_view system = key.substr(at + 1);
  return (lower(first.front()) || digit(first.front())) && first.size() <= 241 && !system.empty() &&
         system.size() <= 14 && lower(system.front()) && std::ranges::all_of(system, in_key);
}

// 3.3.1.3.2
bool valid_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7E && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  std::uint8_t version = 0;
  std::uint8_t flags = 0;
  TraceContext context;
  if (!read_hex(text, {&version, 1}) || !read_hex(text.substr(3), context.trace_id) ||
      !read_hex(text.substr(36), context.span_id) || !read_hex(text.substr(53), {&flags, 1})) {
    return std::nullopt;
  }
  if (version == 0xFF || (version == 0 && text.size() != kLength)) return std::nullopt;
  if (text.size() > kLength && text[kLength] != '-') return std::nullopt;
  if (all_zero(context.trace_id) || all_zero(context.span_id)) return std::nullopt;
  context.sampled = (flags & 1U) != 0;
  return context;
}

bool valid_tracestate(std::string_view text) {
  if (text.size() > kMostState) return false;
  std::vector<std::string_view> keys;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view member = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (member.empty()) continue;  // allowed by the grammar
    const std::size_t equals = member.find('=');
    if (equals == member.npos) return false;
    const std::string_view key = member.substr(0, equals);
    if (!valid_key(key) || !valid_value(member.substr(equals + 1))) return false;
    if (keys.size() == kMostMembers || std::ranges::find(keys, key) != keys.end()) return false;
    keys.push_back(key);
  }
  return !keys.empty();
}

std::string to_text(const TraceId& id) {
  return hex(id);
}
std::string to_text(const SpanId& id) {
  return hex(id);
}

}  // namespace saccade::request
