// A server of which it is known what it does: one thread that answers by a rule, at times that it computes,
// and uses no processor for its "runs". What is measured of it can be compared with what is true.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

namespace open_loop {

// What becomes of the n-th request (from 0) that has come in.
struct Fate {
  enum class Kind : std::uint8_t { kAnswer, kRefuse, kExpire, kFail, kClose, kForget };
  Kind kind = Kind::kAnswer;
  std::chrono::nanoseconds after{0};  // of kAnswer: after its arrival, or
  bool one_by_one = false;            // after the end of the one before: a queue with one place to serve
};

class KnownServer {
 public:
  // `stall`: from the first request on it looks at nothing for so long.
  explicit KnownServer(std::function<Fate(std::uint64_t)> rule, std::chrono::nanoseconds stall = {});
  ~KnownServer();
  KnownServer(const KnownServer&) = delete;
  KnownServer& operator=(const KnownServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void serve();

  const std::function<Fate(std::uint64_t)> rule_;
  const std::chrono::nanoseconds stall_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace open_loop
