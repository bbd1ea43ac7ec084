// Sends every request when it is due, whatever has become of those before it, and counts the answers. One
// thread, one epoll.
//
// A free connection is taken by chance, as independent callers would use theirs, so a server that deals
// connections out to threads sees Poisson arrivals on each. Where none is free the request is held back, its
// time running, and another connection is opened up to the bound. Messages that are due together on one
// WebSocket are written together.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "arrivals.h"
#include "connection.h"
#include "options.h"
#include "tally.h"

namespace open_loop {

class Load {
 public:
  // Opens the first connections; throws std::runtime_error where the server takes none.
  explicit Load(const Options& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run();
  const Tally& tally() const { return tally_; }
  const Arrivals& arrivals() const { return arrivals_; }
  std::size_t first_counted() const { return arrivals_.phase_of[1]; }
  std::string json() const { return tally_.json(cpu_seconds_, wall_seconds_); }

 private:
  using Clock = std::chrono::steady_clock;

  void open();
  void dispatch(std::size_t request);
  void put(Connection& connection, std::size_t request, bool held);
  // Writes what has been put on WebSockets since the last time.
  void flush();
  // Returns whether anything happened within `wait` (negative: none).
  bool poll(std::int64_t wait_ns);
  // What a connection can do next, after anything happened on it.
  void settle(Connection& connection);
  void put_free(Connection& connection);
  void take_free(Connection& connection);
  void remove(Connection& connection);
  std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
  }

  const Options options_;
  const Arrivals arrivals_;
  Tally tally_;
  const std::string handshake_;
  const std::string message_;
  int epoll_ = -1;
  Clock::time_point start_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;
  std::vector<Connection*> unflushed_;
  std::deque<std::size_t> held_;  // due, and no connection was free
  std::size_t opening_ = 0;
  std::size_t unanswered_ = 0;  // sent or held
  std::uint64_t chance_;
  std::vector<char> scratch_ = std::vector<char>(std::size_t{1} << 18);
  std::string trouble_;  // why a connection could not be opened
  double cpu_seconds_ = 0;
  double wall_seconds_ = 0;
};

}  // namespace open_loop
