#include "access/http_get.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include <curl/curl.h>

#include "access/words.h"

namespace saccade::access {
namespace {

constexpr long kConnectMs = 3'000;
constexpr long kTimeoutMs = 10'000;

struct Library {
  Library() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct Body {
  std::string bytes;
  std::size_t most = 0;
};

// Fewer bytes taken than there were: the transfer ends.
std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<Body*>(into);
  if (body.bytes.size() + size * count > body.most) return 0;
  body.bytes.append(bytes, size * count);
  return size * count;
}

int stopped(void* stop, curl_off_t /*down*/, curl_off_t /*of*/, curl_off_t /*up*/, curl_off_t /*of_all*/) {
  return static_cast<const std::atomic<bool>*>(stop)->load(std::memory_order_relaxed) ? 1 : 0;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string cache_control_of(CURL* curl) {
  std::string all;
  curl_header* header = nullptr;
  for (std::size_t i = 0; curl_easy_header(curl, "Cache-Control", i, CURLH_HEADER, -1, &header) == CURLHE_OK;
       ++i) {
    all += all.empty() ? header->value : std::string(",") + header->value;
  }
  return all;
}

}  // namespace

std::optional<std::chrono::seconds> max_age_of(std::string_view cache_control) {
  std::optional<std::chrono::seconds> age;
  while (!cache_control.empty()) {
    const std::size_t end = std::min(cache_control.find(','), cache_control.size());
    const std::string_view directive = trim(cache_control.substr(0, end));
    cache_control.remove_prefix(std::min(end + 1, cache_control.size()));
    if (same_word(directive, "no-store") || same_word(directive, "no-cache")) return std::chrono::seconds(0);
    const std::size_t equals = directive.find('=');
    if (equals == directive.npos || !same_word(directive.substr(0, equals), "max-age")) continue;
    std::string_view value = directive.substr(equals + 1);
    if (value.size() > 1 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    std::int64_t seconds = 0;
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (rest != value.data() + value.size() || seconds < 0) continue;
    age = std::chrono::seconds(error == std::errc() ? std::min<std::int64_t>(seconds, 1LL << 31) : 1LL << 31);
  }
  return age;
}

base::Result<Fetched> http_get(const std::string& url, const std::string& ca, std::size_t most_bytes,
                               const std::atomic<bool>& stop) {
  static const Library library;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (curl == nullptr) return base::fail(base::Code::kUnavailable, "libcurl could not begin");
  Body body{.bytes = {}, .most = most_bytes};
  char trouble[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "saccade");
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);  // what was named is what is trusted
  if (!ca.empty()) curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, stopped);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stop));
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, trouble);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK)
    return base::fail(base::Code::kUnavailable, *trouble != '\0' ? trouble : curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return base::fail(base::Code::kUnavailable, "it answers with status " + std::to_string(status));
  return Fetched{.body = std::move(body.bytes), .max_age = max_age_of(cache_control_of(curl.get()))};
}

}  // namespace saccade::access
