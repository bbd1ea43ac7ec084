#include "http/cache_headers.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/hex.h"
#include "cache/digest.h"

namespace saccade::http {
namespace {

constexpr std::size_t kTagBytes = 16;  // of the digest
// Longer than any answer is kept; what a caller may write is longer.
constexpr std::int64_t kLongestAge = std::int64_t{100} * 366 * 24 * 3600;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Calls with each member of a list, commas within quotes left alone.
template <typename Take>
void for_each_member(std::string_view list, Take take) {
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && list[i] == '"') quoted = !quoted;
    if (i < list.size() && (quoted || list[i] != ',')) continue;
    if (const std::string_view member = trimmed(list.substr(begin, i - begin)); !member.empty()) take(member);
    begin = i + 1;
  }
}

std::int64_t seconds_of(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc::result_out_of_range) return kLongestAge;
  if (error != std::errc{} || end != text.data() + text.size()) return 0;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(seconds, kLongestAge));
}

void apply(std::string_view directive, request::CacheWishes& wishes) {
  const std::size_t equals = directive.find('=');
  const std::string_view name = trimmed(directive.substr(0, equals));
  const std::string_view value = equals == directive.npos ? "" : trimmed(directive.substr(equals + 1));
  if (net::equal_ignoring_case(name, "no-store")) {
    wishes.look_up = wishes.store = false;
  } else if (net::equal_ignoring_case(name, "no-cache")) {
    wishes.look_up = false;
  } else if (net::equal_ignoring_case(name, "only-if-cached")) {
    wishes.only_if_cached = true;
  } else if (net::equal_ignoring_case(name, "max-age")) {
    wishes.oldest = std::chrono::seconds(seconds_of(value));
  }
}

// The tag without what says whether it is weak and in which form the body travels: "abc", `abc-gzip"`,
// W/"abc".
std::string_view opaque(std::string_view tag) {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') return {};
  tag = tag.substr(1, tag.size() - 2);
  for (const std::string_view form : {"-gzip", "-deflate"}) {
    if (tag.ends_with(form)) return tag.substr(0, tag.size() - form.size());
  }
  return tag;
}

}  // namespace

request::CacheWishes cache_wishes(const net::HttpRequest& request) {
  request::CacheWishes wishes;
  for (const auto& [name, value] : request.headers) {
    if (!net::equal_ignoring_case(name, "cache-control")) continue;
    for_each_member(value, [&](std::string_view directive) { apply(directive, wishes); });
  }
  // A fresh answer of no age can't be had from what is kept.
  if (wishes.oldest.count() == 0) wishes.look_up = false;
  return wishes;
}

bool speaks_for_itself(const net::HttpRequest& request, std::string_view certificate) {
  return !certificate.empty() || !request.header("authorization").empty() ||
         !request.header("x-api-key").empty() || !request.header("cookie").empty();
}

std::string entity_tag(std::string_view content, bool strong) {
  thread_local cache::Hasher hasher;
  hasher.add(content);
  const cache::Digest digest = hasher.finish();
  return (strong ? "\"" : "W/\"") + base::hex(cache::bytes_of(digest).substr(0, kTagBytes)) + "\"";
}

bool names_tag(std::string_view if_none_match, std::string_view tag) {
  bool named = false;
  for_each_member(if_none_match, [&](std::string_view member) {
    named = named || member == "*" || (!opaque(member).empty() && opaque(member) == opaque(tag));
  });
  return named;
}

void add_cache_headers(net::HttpResponse& response, const CacheNote& note) {
  if (!note.freshness.may_be_kept()) {
    response.headers.emplace_back("Cache-Control", "no-store");
    return;
  }
  using std::chrono::duration_cast, std::chrono::seconds;
  const auto lifetime = duration_cast<seconds>(note.freshness.lifetime).count();
  response.headers.emplace_back(
      "Cache-Control", (note.for_one ? "private, max-age=" : "public, max-age=") + std::to_string(lifetime));
  if (note.freshness.hit) {
    response.headers.emplace_back("Age", std::to_string(duration_cast<seconds>(note.freshness.age).count()));
  }
  response.headers.emplace_back("ETag", note.tag);
  response.headers.emplace_back(
      "Vary", note.for_one ? "Accept-Encoding, Authorization, X-API-Key, Cookie" : "Accept-Encoding");
}

net::HttpResponse not_modified(const CacheNote& note) {
  net::HttpResponse response{.status = 304, .content_type = "", .body = {}, .headers = {}};
  add_cache_headers(response, note);
  return response;
}

}  // namespace saccade::http
