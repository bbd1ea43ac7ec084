// A client of one Redis server, for what must not be waited for.
//
//   client.command({"GET", key}, std::chrono::milliseconds(5), loop, [](base::Result<redis::Reply> reply) {
//   ... });
//
// Any number of commands may be under way; they share one connection, on a thread of the client's own. Each
// is answered once: with Redis' reply (which may be an error of Redis), or with kDeadlineExceeded after its
// time-out, or with kUnavailable, at once, where there is no connection, too much is waiting, or the circuit
// breaker is open. A command whose answer did not come may have been carried out nevertheless.
//
// The connection is made and made again by itself, with growing pauses; one on which nothing comes back any
// more is given up. Safe from any thread; nothing here blocks its caller.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "observe/metrics.h"
#include "redis/address.h"
#include "redis/connection.h"
#include "redis/reply.h"
#include "resilience/breaker_metrics.h"
#include "resilience/circuit_breaker.h"
#include "runtime/event_loop.h"

namespace saccade::redis {

struct ClientSettings {
  Address address;
  std::size_t longest_queue = 10'000;                        // commands not answered yet; more are refused
  base::Duration connect_timeout = std::chrono::seconds(1);  // until the server has let us in
  base::Duration silence_limit =
      std::chrono::seconds(1);  // on a connection that owes an answer, until it is given up
  base::Duration first_pause = std::chrono::milliseconds(50);
  base::Duration longest_pause = std::chrono::seconds(2);
  resilience::BreakerSettings breaker = default_breaker();

  static resilience::BreakerSettings default_breaker();
};

class Client {
 public:
  using Done = std::move_only_function<void(base::Result<Reply>)>;

  Client(ClientSettings settings, observe::Registry& registry);
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `done` is called on the client's thread and must be quick, or, where it is refused at once, within this
  // call.
  void command(std::vector<std::string> words, base::Duration timeout, Done done);
  // `done` is called on `loop`: later, or within this call (which then comes from that loop).
  void command(std::vector<std::string> words, base::Duration timeout, runtime::EventLoop& loop, Done done);

  // Whether a command would be sent now; a look, no promise.
  bool connected() const { return connected_.load(std::memory_order_relaxed); }
  const resilience::CircuitBreaker& breaker() const { return *breaker_; }
  // Answers what is under way with an error and ends the thread. The loops of its commands must still run.
  // Idempotent.
  void close();

 private:
  struct Command {
    std::vector<std::string> words;
    base::TimePoint began;
    base::TimePoint deadline;
    Done done;
  };
  using Waiting = std::multimap<base::TimePoint, std::shared_ptr<Command>>;  // by their deadline
  struct Metrics {
    explicit Metrics(observe::Registry& registry);
    observe::Counter& answered;
    observe::Counter& errors;
    observe::Counter& timeouts;
    observe::Counter& lost;
    observe::Counter& refused;
    observe::Counter& connections;
    observe::Counter& connections_failed;
    observe::Gauge& pending;
    observe::Gauge& connected;
    observe::Histogram& duration;
  };

  std::optional<base::Error> refuse(base::TimePoint now);
  void wake();

  // Of the thread.
  void work();
  void turn();
  void take_over();
  void connect();
  void introduce();
  void ready();
  void disconnected(const std::string& why);
  void send(const std::shared_ptr<Command>& command);
  void finish(Command& command, base::Result<Reply> reply);
  void expire(base::TimePoint now);
  void watch(base::TimePoint now);
  base::TimePoint next_look(base::TimePoint now) const;

  const ClientSettings settings_;
  Metrics metrics_;
  const std::shared_ptr<resilience::CircuitBreaker> breaker_;
  const resilience::BreakerMetrics breaker_metrics_;
  const int wake_descriptor_;
  std::atomic<bool> connected_{false};
  std::atomic<std::size_t> pending_{0};

  std::mutex mutex_;
  std::vector<Command> incoming_;  // guarded by mutex_, as is the next
  bool closing_ = false;

  // Of the thread.
  std::unique_ptr<Connection> connection_;
  Waiting waiting_;
  std::size_t owed_ = 0;  // answers that the connection has not brought yet
  bool introduced_ = false;
  base::TimePoint give_up_introduction_{};
  base::TimePoint last_heard_{};
  base::TimePoint next_try_{};
  base::Duration pause_{0};
  bool troubled_ = false;  // that it can't be reached has been said
  std::uint64_t random_;

  std::thread thread_;
};

}  // namespace saccade::redis
