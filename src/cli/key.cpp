// saccade key create, revoke and list: the file of API keys, changed in one step each.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <utility>
#include <vector>

#include "access/api_key.h"
#include "access/key_file.h"
#include "access/read_file.h"
#include "access/times.h"
#include "base/clock.h"
#include "cli/commands.h"

namespace saccade::cli {
namespace {

using Entries = std::vector<access::KeyEntry>;

int fail(const std::string& message) {
  std::fprintf(stderr, "saccade: %s\n", message.c_str());
  return 1;
}

base::Result<Entries> read_entries(const std::string& file) {
  auto text = access::read_file(file, access::kLargestKeyFile);
  if (!text) return std::unexpected(std::move(text.error()));
  auto entries = access::parse_keys(*text);
  if (!entries) return base::invalid_argument(file + ": " + entries.error().message);
  return entries;
}

bool is_there(const std::string& file) {
  struct stat found{};
  return ::stat(file.c_str(), &found) == 0;
}

// "90d", or a time.
base::Result<std::int64_t> read_expiry(const std::string& text, std::int64_t now) {
  if (const auto time = access::parse_utc(text)) return *time;
  std::int64_t days = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, days);
  if (error == std::errc{} && rest + 1 == end && *rest == 'd' && days > 0 && days <= 36'500)
    return now + days * 86'400;
  return base::invalid_argument("--expires is \"" + text +
                                "\"; it takes days, as 90d, or a time, as 2027-01-31T00:00:00Z");
}

base::Result<access::KeyEntry> entry_of(const KeyOptions& options) {
  const std::int64_t now = base::unix_micros() / 1'000'000;
  if (const base::Status right = access::check_name(options.name); !right)
    return base::invalid_argument("--name " + right.error().message);
  access::KeyEntry entry{.name = options.name, .certificate = options.certificate, .created = now};
  for (const std::string& scope : options.scopes) {
    const auto right = access::parse_scope(scope);
    if (!right) return base::invalid_argument("--scope " + right.error().message);
    entry.rights.add(*right);
  }
  if (!options.models.empty()) {
    if (const base::Status right = access::check_patterns(options.models); !right)
      return base::invalid_argument("--model " + right.error().message);
    entry.models = options.models;
  }
  if (!options.expires.empty()) {
    const auto expires = read_expiry(options.expires, now);
    if (!expires) return std::unexpected(expires.error());
    entry.expires = *expires;
  }
  return entry;
}

std::string scopes_text(access::Rights rights) {
  std::string text;
  for (const auto right : {access::Right::kPredict, access::Right::kRead, access::Right::kAdmin}) {
    if (rights.has(right)) text += (text.empty() ? "" : ",") + std::string(access::right_name(right));
  }
  return text;
}

std::string models_text(const access::KeyEntry& entry) {
  if (!entry.models) return "all models";
  std::string text;
  for (const std::string& pattern : *entry.models) text += (text.empty() ? "" : ",") + pattern;
  return text.empty() ? "no model" : text;
}

}  // namespace

int create_key(const KeyOptions& options) {
  auto entry = entry_of(options);
  if (!entry) return fail(entry.error().message);
  Entries entries;
  if (is_there(options.file)) {
    auto read = read_entries(options.file);
    if (!read) return fail(read.error().message);
    entries = *std::move(read);
  }
  if (std::ranges::any_of(entries, [&](const auto& one) { return one.name == options.name; }))
    return fail(options.file + " has an entry named \"" + options.name +
                "\" already; revoke it, or take another name");
  std::string key;
  if (options.certificate.empty()) {
    auto made = access::make_api_key();
    if (!made) return fail(made.error().message);
    key = *std::move(made);
    entry->digest = access::sha256(key);
    if (entry->digest.empty()) return fail("SHA-256 is not to be had from OpenSSL");
  }
  entries.push_back(*std::move(entry));
  const std::string text = access::write_keys(entries);
  if (const auto good = access::parse_keys(text); !good)
    return fail(good.error().message);  // a certificate twice
  if (const base::Status written = access::replace_file(options.file, text); !written)
    return fail(written.error().message);
  if (key.empty()) {
    std::printf("%s may call by its certificate\n", options.name.c_str());
    return 0;
  }
  std::fprintf(stderr,
               "saccade: this is the only time that the key of \"%s\" is shown; %s keeps its SHA-256\n",
               options.name.c_str(), options.file.c_str());
  std::printf("%s\n", key.c_str());
  return 0;
}

int revoke_key(const KeyOptions& options) {
  auto entries = read_entries(options.file);
  if (!entries) return fail(entries.error().message);
  if (std::erase_if(*entries, [&](const auto& one) { return one.name == options.name; }) == 0)
    return fail(options.file + " has no entry named \"" + options.name + "\"");
  const base::Status written = access::replace_file(options.file, access::write_keys(*entries));
  if (!written) return fail(written.error().message);
  std::printf("revoked \"%s\"\n", options.name.c_str());
  return 0;
}

int list_keys(const KeyOptions& options) {
  const auto entries = read_entries(options.file);
  if (!entries) return fail(entries.error().message);
  const std::int64_t now = base::unix_micros() / 1'000'000;
  for (const access::KeyEntry& entry : *entries) {
    std::string ends = "never ends";
    if (entry.expires) ends = (*entry.expires <= now ? "ended " : "ends ") + access::utc_text(*entry.expires);
    std::printf("%-24s %-11s  %-18s  %-24s  %s\n", entry.name.c_str(),
                entry.digest.empty() ? "certificate" : "key", scopes_text(entry.rights).c_str(),
                models_text(entry).c_str(), ends.c_str());
  }
  return 0;
}

}  // namespace saccade::cli
