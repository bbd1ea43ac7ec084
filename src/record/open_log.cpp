// What a log's URL means. A URL may hold a password, so no message repeats more of it than its scheme and,
// for SQLite, the path.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <string_view>

#include "record/postgres_log.h"
#include "record/prediction_log.h"
#include "record/sqlite_log.h"

namespace saccade::record {
namespace {

constexpr const char* kRight =
    "right would be sqlite:predictions.db (relative), sqlite:///var/lib/saccade/predictions.db (absolute), "
    "postgresql://user@host:5432/database or none";

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), [](unsigned char c) { return std::tolower(c); });
  return lowered;
}

bool is_scheme(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
  });
}

base::Result<std::filesystem::path> sqlite_path(std::string_view url, std::string_view rest) {
  const auto wrong = [&](const std::string& what) {
    return base::invalid_argument("log URL \"" + std::string(url) + "\": " + what + "; " + kRight);
  };
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    if (rest.empty() || rest == "/") return wrong("names no file");
    if (!rest.starts_with('/')) {
      return wrong("after two slashes \"" + std::string(rest.substr(0, rest.find('/'))) +
                   "\" would be a host; write one slash more for an absolute path, none for a relative one");
    }
    while (rest.starts_with("//")) rest.remove_prefix(1);  // four slashes are the habit of another tool
  }
  if (rest.empty()) return wrong("names no file");
  if (rest.ends_with('/')) return wrong("names a directory, not a file");
  if (rest == ":memory:" || rest == "/:memory:") return wrong("a log in memory is not kept by anybody");
  if (rest.find('?') != std::string_view::npos) return wrong("takes no options after a \"?\"");
  if (rest.find('\0') != std::string_view::npos) return wrong("has a NUL character in it");
  return std::filesystem::path(rest);
}

}  // namespace

base::Result<std::unique_ptr<PredictionLog>> open_log(const std::string& url, const LogOptions& options,
                                                      observe::Registry& registry) {
  const std::size_t colon = url.find(':');
  const std::string scheme = colon == std::string::npos ? std::string() : lower(url.substr(0, colon));
  if (scheme == "sqlite") {
    auto path = sqlite_path(url, std::string_view(url).substr(colon + 1));
    if (!path) return std::unexpected(path.error());
    FileOptions file;
    file.store.path = std::move(*path);
    auto log = SqliteLog::open(options, std::move(file), {}, registry);
    if (!log) return std::unexpected(log.error());
    return std::move(*log);
  }
  if (scheme == "postgresql" || scheme == "postgres") {
    const auto address = PostgresAddress::parse(url);
    if (!address) return base::invalid_argument(address.error().message + "; " + kRight);
    auto log = PostgresLog::open(*address, options, registry);
    if (!log) return std::unexpected(log.error());
    return std::move(*log);
  }
  if (is_scheme(scheme)) {
    return base::invalid_argument("log URL: unknown store \"" + scheme + "\"; " + std::string(kRight));
  }
  if (colon == std::string::npos && !url.empty()) {
    return base::invalid_argument("log URL \"" + url +
                                  "\": which store? For a SQLite file write sqlite:" + url + "; " + kRight);
  }
  return base::invalid_argument(std::string("log URL: empty or without a store's name; ") + kRight);
}

}  // namespace saccade::record
