// One HTTP connection to the collector, kept open between batches. Belongs to one thread, apart from hurry().
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saccade::trace {

class HttpPost {
 public:
  struct Answer {
    int status = 0;       // 0: there was none, `trouble` says why
    std::string body;     // its beginning
    std::string trouble;  // for a person
    std::chrono::seconds retry_after{0};
  };

  // `ca`: a file of the authorities (PEM) that an https server's certificate must come from; empty: the
  // system's.
  HttpPost(const std::string& url, const std::vector<std::pair<std::string, std::string>>& headers,
           const std::string& ca);
  ~HttpPost();

  Answer post(std::string_view body, std::chrono::milliseconds timeout);
  // Any thread: a try under way ends by then, and so does every later one.
  void hurry(std::chrono::steady_clock::time_point end_by);

 private:
  struct Handle;
  std::atomic<std::chrono::steady_clock::rep> end_by_;
  std::unique_ptr<Handle> handle_;  // reads end_by_
};

}  // namespace saccade::trace
