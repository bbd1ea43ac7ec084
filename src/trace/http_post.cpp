#include "trace/http_post.h"

#include <algorithm>

#include <curl/curl.h>

namespace saccade::trace {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMostAnswer = std::size_t{64} * 1024;
constexpr std::chrono::milliseconds kConnect{3'000};

struct Library {
  Library() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

// What is beyond the bound is read and forgotten.
std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  body.append(bytes, std::min(size * count, kMostAnswer - std::min(body.size(), kMostAnswer)));
  return size * count;
}

int past(void* end_by, curl_off_t /*down*/, curl_off_t /*of*/, curl_off_t /*up*/, curl_off_t /*of_all*/) {
  const auto& end = *static_cast<std::atomic<Clock::rep>*>(end_by);
  return Clock::now().time_since_epoch().count() >= end.load(std::memory_order_relaxed) ? 1 : 0;
}

}  // namespace

struct HttpPost::Handle {
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), curl_easy_cleanup};
  curl_slist* headers = nullptr;
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl_slist_free_all(headers); }
  void add(const std::string& line) {
    if (curl_slist* longer = curl_slist_append(headers, line.c_str())) headers = longer;
  }
};

HttpPost::HttpPost(const std::string& url, const std::vector<std::pair<std::string, std::string>>& headers,
                   const std::string& ca)
    : end_by_(Clock::time_point::max().time_since_epoch().count()) {
  static const Library library;
  handle_ = std::make_unique<Handle>();
  CURL* curl = handle_->curl.get();
  handle_->add("Content-Type: application/x-protobuf");
  handle_->add("Expect:");  // no question before each batch
  for (const auto& [name, value] : headers) handle_->add(name + ": " + value);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "saccade");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  if (!ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnect.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, past);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &end_by_);
}

HttpPost::~HttpPost() = default;

void HttpPost::hurry(Clock::time_point end_by) {
  end_by_.store(end_by.time_since_epoch().count(), std::memory_order_relaxed);
}

HttpPost::Answer HttpPost::post(std::string_view body, std::chrono::milliseconds timeout) {
  CURL* curl = handle_->curl.get();
  Answer answer;
  char trouble[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (code != CURLE_OK) {
    if (code == CURLE_ABORTED_BY_CALLBACK) {
      answer.trouble = "the server ends, and there was no answer in time";
      return answer;
    }
    answer.trouble = *trouble != '\0' ? trouble : curl_easy_strerror(code);
    return answer;
  }
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  answer.status = static_cast<int>(status);
  answer.retry_after = std::chrono::seconds(retry_after);
  if (status < 200 || status > 299) answer.trouble = "status " + std::to_string(status);
  return answer;
}

}  // namespace saccade::trace
