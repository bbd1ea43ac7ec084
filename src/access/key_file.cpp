#include "access/key_file.h"

#include <algorithm>
#include <memory>
#include <set>

#include <boost/json.hpp>
#include <openssl/evp.h>

#include "access/times.h"
#include "base/hex.h"

namespace saccade::access {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostEntries = 100'000;
constexpr std::size_t kMostPatterns = 256;  // of one entry
constexpr std::size_t kLongest = 256;       // of a name or a pattern
constexpr std::size_t kLongestSubject = 2048;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() != 2 * kDigestBytes) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = hex_digit(text[i]);
    const auto low = hex_digit(text[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes += static_cast<char>(*high << 4U | *low);
  }
  return bytes;
}

// Reads one entry; `where_` goes before each complaint.
class EntryReader {
 public:
  EntryReader(std::size_t index, const json::value& value)
      : where_("\"keys\"[" + std::to_string(index) + "]"), value_(value) {}

  base::Result<KeyEntry> read() {
    if (!value_.is_object()) return wrong("must be an object with \"name\", \"sha256\" and \"scopes\"");
    KeyEntry entry;
    for (const auto& member : value_.get_object()) {
      if (base::Status status = read_member(member.key(), member.value(), entry); !status)
        return std::unexpected(std::move(status.error()));
    }
    if (entry.name.empty()) return wrong("lacks \"name\"");
    if (entry.digest.empty() == entry.certificate.empty())
      return wrong("must have either \"sha256\" or \"certificate\"");
    if (entry.rights.none()) return wrong("lacks \"scopes\": a list of \"predict\", \"read\", \"admin\"");
    return entry;
  }

 private:
  std::unexpected<base::Error> wrong(const std::string& what) const {
    return base::invalid_argument(where_ + " " + what);
  }

  base::Status read_member(std::string_view name, const json::value& value, KeyEntry& entry) {
    if (name == "scopes") return read_scopes(value, entry);
    if (name == "models") return read_models(value, entry);
    if (name == "created") return read_time(name, value, entry.created);
    if (name == "expires") return read_time(name, value, entry.expires);
    if (name == "cache") return read_cache(value, entry);
    if (name != "name" && name != "sha256" && name != "certificate") {
      return wrong("has a member \"" + std::string(name.substr(0, 100)) +
                   "\"; known are name, sha256, certificate, scopes, models, created, expires, cache");
    }
    if (!value.is_string()) return wrong("has a \"" + std::string(name) + "\" that is no string");
    const std::string text(value.get_string());
    if (name == "name") {
      const base::Status right = check_name(text);
      if (!right) return wrong("has a \"name\" that " + right.error().message);
      where_ += " (\"" + text + "\")";
      entry.name = text;
    } else if (name == "certificate") {
      if (text.empty() || text.size() > kLongestSubject)
        return wrong("has a \"certificate\" that is no subject like \"CN=batch,O=Example\"");
      entry.certificate = text;
    } else {
      auto digest = from_hex(text);
      if (!digest) return wrong("has a \"sha256\" that is not 64 hexadecimal digits");
      entry.digest = *std::move(digest);
    }
    return {};
  }

  base::Status read_cache(const json::value& value, KeyEntry& entry) const {
    const std::string_view said = value.is_string() ? std::string_view(value.get_string()) : "";
    if (said != "shared" && said != "private") {
      return wrong("has a \"cache\" that is neither \"shared\" nor \"private\"");
    }
    entry.shares_cache = said == "shared";
    return {};
  }

  base::Status read_scopes(const json::value& value, KeyEntry& entry) const {
    if (!value.is_array() || value.get_array().empty())
      return wrong("has \"scopes\" that are no list of \"predict\", \"read\", \"admin\"");
    for (const json::value& one : value.get_array()) {
      const auto right = parse_scope(one.is_string() ? std::string_view(one.get_string()) : "");
      if (!right) return wrong("has a scope that " + right.error().message);
      entry.rights.add(*right);
    }
    return {};
  }

  base::Status read_models(const json::value& value, KeyEntry& entry) const {
    if (!value.is_array()) return wrong("has \"models\" that are no list of patterns like \"digits*\"");
    entry.models.emplace();
    for (const json::value& one : value.get_array()) {
      if (!one.is_string()) return wrong("has a pattern in \"models\" that is no string");
      entry.models->emplace_back(one.get_string());
    }
    if (const base::Status right = check_patterns(*entry.models); !right)
      return wrong("has \"models\" of which one " + right.error().message);
    return {};
  }

  base::Status read_time(std::string_view name, const json::value& value,
                         std::optional<std::int64_t>& time) const {
    if (value.is_string()) time = parse_utc(value.get_string());
    if (!time) {
      return wrong("has \"" + std::string(name) + "\" that is no time like \"2027-01-31T00:00:00Z\"");
    }
    return {};
  }

  std::string where_;
  const json::value& value_;
};

// Two entries that prove themselves alike, or one name for two, would leave open which one is meant.
base::Status check_unique(const std::vector<KeyEntry>& entries) {
  std::set<std::string_view> names;
  std::set<std::string_view> proofs;
  for (const KeyEntry& entry : entries) {
    if (!names.insert(entry.name).second)
      return base::invalid_argument("two entries are named \"" + entry.name + "\"; names must differ");
    if (!proofs.insert(entry.digest.empty() ? entry.certificate : entry.digest).second)
      return base::invalid_argument("\"" + entry.name + "\" has the key or the certificate of another entry");
  }
  return {};
}

}  // namespace

base::Result<std::vector<KeyEntry>> parse_keys(std::string_view text) {
  if (text.size() > kLargestKeyFile) return base::invalid_argument("the file has more than 16 MiB");
  boost::system::error_code error;
  const json::value root = json::parse(text, error);
  if (error) return base::invalid_argument("the file is no JSON: " + error.message());
  const json::object* object = root.if_object();
  const json::value* keys = object == nullptr ? nullptr : object->if_contains("keys");
  if (keys == nullptr || !keys->is_array() || object->size() != 1)
    return base::invalid_argument("the file must be an object with one member, the list \"keys\"");
  if (keys->get_array().size() > kMostEntries)
    return base::invalid_argument("\"keys\" has more than " + std::to_string(kMostEntries) + " entries");
  std::vector<KeyEntry> entries;
  for (const json::value& value : keys->get_array()) {
    auto entry = EntryReader(entries.size(), value).read();
    if (!entry) return std::unexpected(std::move(entry.error()));
    entries.push_back(*std::move(entry));
  }
  if (base::Status unique = check_unique(entries); !unique) return std::unexpected(std::move(unique.error()));
  return entries;
}

std::string write_keys(const std::vector<KeyEntry>& entries) {
  std::string out = "{\"keys\": [";
  for (const KeyEntry& entry : entries) {
    json::object made{{"name", entry.name}};
    if (entry.digest.empty()) {
      made["certificate"] = entry.certificate;
    } else {
      made["sha256"] = base::hex(entry.digest);
    }
    json::array scopes;
    for (const Right right : {Right::kPredict, Right::kRead, Right::kAdmin}) {
      if (entry.rights.has(right)) scopes.emplace_back(json::string(right_name(right)));
    }
    made["scopes"] = std::move(scopes);
    if (entry.models) made["models"] = json::array(entry.models->begin(), entry.models->end());
    if (entry.created) made["created"] = utc_text(*entry.created);
    if (entry.expires) made["expires"] = utc_text(*entry.expires);
    if (!entry.shares_cache) made["cache"] = "private";
    out += (&entry == &entries.front() ? "\n  " : ",\n  ") + json::serialize(made);
  }
  return out + "\n]}\n";
}

base::Result<Right> parse_scope(std::string_view name) {
  for (const Right right : {Right::kPredict, Right::kRead, Right::kAdmin}) {
    if (name == right_name(right)) return right;
  }
  return base::invalid_argument("is none of predict, read, admin");
}

base::Status check_name(std::string_view name) {
  if (name.empty()) return base::invalid_argument("is empty");
  if (name.size() > kLongest) return base::invalid_argument("is longer than 256 bytes");
  const bool plain =
      std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!plain) return base::invalid_argument("has control characters");
  return {};
}

base::Status check_patterns(const std::vector<std::string>& models) {
  if (models.size() > kMostPatterns) return base::invalid_argument("is more than the 256 that there may be");
  for (const std::string& pattern : models) {
    if (base::Status right = check_name(pattern); !right) return right;
  }
  return {};
}

// The algorithm is looked up once and each thread keeps a context: that is half of what a short text costs.
std::string sha256(std::string_view bytes) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                                     EVP_MD_CTX_free);
  std::string digest(kDigestBytes, '\0');
  const bool made =
      EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1 &&
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1;
  return made ? digest : std::string();
}

}  // namespace saccade::access
