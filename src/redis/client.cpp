#include "redis/client.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "observe/log.h"

namespace saccade::redis {
namespace {

using base::Code;

void begin_thread() {
  pthread_setname_np(pthread_self(), "redis");
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF})
    sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

// Errors by which the server says that it can't serve now, rather than that the command was wrong.
bool ill(const Reply& reply) {
  if (reply.kind != Reply::Kind::kError) return false;
  for (const std::string_view word : {"LOADING", "BUSY ", "MASTERDOWN", "CLUSTERDOWN", "OOM", "READONLY",
                                      "MISCONF", "NOAUTH", "NOREPLICAS", "TRYAGAIN"}) {
    if (reply.text.starts_with(word)) return true;
  }
  return false;
}

}  // namespace

resilience::BreakerSettings ClientSettings::default_breaker() {
  resilience::BreakerSettings settings;
  settings.window = std::chrono::seconds(2);
  settings.minimum_calls = 10;
  settings.failure_rate = 0.5;
  settings.open_for = std::chrono::milliseconds(200);
  settings.longest_open = std::chrono::seconds(5);
  settings.probe_successes = 3;
  settings.probe_limit = std::chrono::seconds(1);
  return settings;
}

Client::Metrics::Metrics(observe::Registry& registry)
    : answered(registry.counter("saccade_redis_commands_total", "Commands for Redis, by what became of them.",
                                {{"outcome", "answered"}})),
      errors(registry.counter("saccade_redis_commands_total", "", {{"outcome", "error"}})),
      timeouts(registry.counter("saccade_redis_commands_total", "", {{"outcome", "timeout"}})),
      lost(registry.counter("saccade_redis_commands_total", "", {{"outcome", "lost"}})),
      refused(registry.counter("saccade_redis_commands_total", "", {{"outcome", "refused"}})),
      connections(registry.counter("saccade_redis_connections_total",
                                   "Connections to Redis, by what became of the try.",
                                   {{"outcome", "made"}})),
      connections_failed(registry.counter("saccade_redis_connections_total", "", {{"outcome", "failed"}})),
      pending(registry.gauge("saccade_redis_pending_commands", "Commands that Redis has not answered yet.")),
      connected(
          registry.gauge("saccade_redis_connected", "1: there is a connection to Redis; 0: there is none.")),
      duration(registry.histogram("saccade_redis_command_duration_seconds",
                                  "Time until Redis had answered a command.", {}, observe::latency_bounds(),
                                  observe::kNanosecond)) {}

Client::Client(ClientSettings settings, observe::Registry& registry)
    : settings_(std::move(settings)),
      metrics_(registry),
      breaker_(std::make_shared<resilience::CircuitBreaker>(settings_.breaker)),
      breaker_metrics_(registry, "saccade_breaker", {{"service", "redis"}}, breaker_),
      wake_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      pause_(settings_.first_pause),
      random_(static_cast<std::uint64_t>(base::unix_micros())),
      thread_([this] { work(); }) {}

void Client::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      closing_ = true;
      connected_.store(false);
      wake();
    }
  }
  if (thread_.joinable()) {
    thread_.join();
    ::close(wake_descriptor_);
  }
}

void Client::wake() {
  const std::uint64_t one = 1;
  (void)!write(wake_descriptor_, &one, sizeof one);
}

// Takes a place in the queue where it does not refuse.
std::optional<base::Error> Client::refuse(base::TimePoint now) {
  if (!connected()) return base::Error{Code::kUnavailable, "no connection to Redis"};
  if (pending_.fetch_add(1, std::memory_order_relaxed) >= settings_.longest_queue) {
    pending_.fetch_sub(1, std::memory_order_relaxed);
    return base::Error{Code::kUnavailable, "too many commands wait for Redis"};
  }
  if (!breaker_->allow(now)) {
    pending_.fetch_sub(1, std::memory_order_relaxed);
    return base::Error{Code::kUnavailable, "the circuit breaker of Redis is open"};
  }
  return std::nullopt;
}

void Client::command(std::vector<std::string> words, base::Duration timeout, Done done) {
  const base::TimePoint now = base::now();
  if (auto error = refuse(now)) {
    metrics_.refused.add();
    return done(std::unexpected(*std::move(error)));
  }
  metrics_.pending.add(1);
  Command command{
      .words = std::move(words), .began = now, .deadline = now + timeout, .done = std::move(done)};
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      incoming_.push_back(std::move(command));
      if (incoming_.size() == 1) wake();
      return;
    }
  }
  breaker_->forget(now, {});
  finish(command, base::fail(Code::kUnavailable, "the connection to Redis is closed"));
}

void Client::command(std::vector<std::string> words, base::Duration timeout, runtime::EventLoop& loop,
                     Done done) {
  command(std::move(words), timeout, [&loop, done = std::move(done)](base::Result<Reply> reply) mutable {
    if (runtime::EventLoop::current() == &loop) return done(std::move(reply));
    loop.post([done = std::move(done), reply = std::move(reply)]() mutable { done(std::move(reply)); });
  });
}

// Gives the place in the queue back where nothing is owed for it.
void Client::finish(Command& command, base::Result<Reply> reply) {
  if (!command.done) return;
  metrics_.pending.add(-1);
  pending_.fetch_sub(1, std::memory_order_relaxed);
  std::exchange(command.done, nullptr)(std::move(reply));
}

void Client::work() {
  begin_thread();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (closing_) break;
    }
    turn();
  }
  take_over();
  if (connection_ != nullptr) disconnected("");
}

void Client::turn() {
  base::TimePoint now = base::now();
  if (connection_ == nullptr && now >= next_try_) connect();
  std::array<pollfd, 2> watched{{{wake_descriptor_, POLLIN, 0}, {-1, 0, 0}}};
  if (connection_ != nullptr) watched[1] = {connection_->descriptor(), connection_->wanted(), 0};
  const base::Duration wait = std::max(next_look(now) - now, base::Duration(0));
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  const timespec longest{.tv_sec = whole.count(), .tv_nsec = (wait - whole).count()};
  if (ppoll(watched.data(), watched.size(), &longest, nullptr) > 0) {
    if ((watched[0].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      (void)!read(wake_descriptor_, &count, sizeof count);
    }
    if (connection_ != nullptr && watched[1].revents != 0) connection_->handle(watched[1].revents);
  }
  take_over();
  now = base::now();
  expire(now);
  watch(now);
}

// Sends what has come in; all of it leaves in one write.
void Client::take_over() {
  std::vector<Command> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(incoming_);
  }
  for (Command& command : fresh) send(std::make_shared<Command>(std::move(command)));
}

void Client::send(const std::shared_ptr<Command>& command) {
  // Answers of commands that timed out may still be owed; a server that owes too much gets nothing more.
  if (connection_ == nullptr || !introduced_ || owed_ >= settings_.longest_queue) {
    metrics_.lost.add();
    breaker_->record(base::now(), base::now() - command->began, false);
    return finish(*command, base::fail(Code::kUnavailable, "no connection to Redis"));
  }
  if (owed_ == 0) last_heard_ = base::now();
  ++owed_;
  const auto place = waiting_.emplace(command->deadline, command);
  connection_->send(command->words, [this, command, place](base::Result<Reply> reply) {
    --owed_;
    const base::TimePoint now = base::now();
    if (reply) last_heard_ = now;
    if (!command->done) return;  // too late
    waiting_.erase(place);
    const base::Duration took = now - command->began;
    if (!reply) {
      metrics_.lost.add();
    } else {
      metrics_.duration.observe(took);
      (reply->kind == Reply::Kind::kError ? metrics_.errors : metrics_.answered).add();
    }
    breaker_->record(now, took, reply && !ill(*reply));
    finish(*command, std::move(reply));
  });
  command->words.clear();
}

void Client::expire(base::TimePoint now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const std::shared_ptr<Command> command = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    metrics_.timeouts.add();
    breaker_->record(now, now - command->began, false);
    finish(*command, base::fail(Code::kDeadlineExceeded, "Redis did not answer in time"));
  }
}

// Sees whether the connection is still one.
void Client::watch(base::TimePoint now) {
  if (connection_ == nullptr) return;
  if (!connection_->alive()) return disconnected(connection_->trouble());
  if (!introduced_ && now >= give_up_introduction_) return disconnected("the server did not answer in time");
  if (introduced_ && owed_ > 0 && now - last_heard_ >= settings_.silence_limit)
    disconnected("nothing comes back any more");
}

base::TimePoint Client::next_look(base::TimePoint now) const {
  base::TimePoint next = now + std::chrono::seconds(10);
  if (!waiting_.empty()) next = std::min(next, waiting_.begin()->first);
  if (connection_ == nullptr) return std::min(next, next_try_);
  if (!introduced_) return std::min(next, give_up_introduction_);
  return owed_ > 0 ? std::min(next, last_heard_ + settings_.silence_limit) : next;
}

void Client::connect() {
  connection_ = std::make_unique<Connection>(settings_.address);
  introduced_ = false;
  owed_ = 0;
  give_up_introduction_ = base::now() + settings_.connect_timeout;
  if (!connection_->alive()) return disconnected(connection_->trouble());
  introduce();
}

// Who we are and which database; the connection is ready when the server has agreed to all of it.
void Client::introduce() {
  std::vector<std::vector<std::string>> words;
  const Address& address = settings_.address;
  if (!address.password.empty()) {
    words.push_back({"AUTH"});
    if (!address.user.empty()) words.back().push_back(address.user);
    words.back().push_back(address.password);
  }
  if (address.database != 0) words.push_back({"SELECT", std::to_string(address.database)});
  words.push_back({"PING"});
  const auto refusal = std::make_shared<std::string>();
  for (const auto& command : words) {
    connection_->send(command, [this, refusal, name = command.front(),
                                last = &command == &words.back()](base::Result<Reply> reply) {
      if (!reply) return;  // watch() sees it
      if (reply->kind == Reply::Kind::kError && refusal->empty())
        *refusal = name + " was answered with " + reply->text;
      if (!last) return;
      if (refusal->empty()) return ready();
      if (!troubled_) observe::log_warning("redis {}: {}", settings_.address.text(), *refusal);
      troubled_ = true;
      give_up_introduction_ = base::TimePoint{};  // watch() ends it
    });
  }
}

void Client::ready() {
  introduced_ = true;
  last_heard_ = base::now();
  pause_ = settings_.first_pause;
  metrics_.connections.add();
  metrics_.connected.set(1);
  observe::log_info("redis {}: connected", settings_.address.text());
  troubled_ = false;
  const std::lock_guard lock(mutex_);
  if (!closing_) connected_.store(true);
}

// `why` empty: it is the server's own end.
void Client::disconnected(const std::string& why) {
  connected_.store(false);
  metrics_.connected.set(0);
  if (introduced_) {
    if (!why.empty()) observe::log_warning("redis {}: disconnected: {}", settings_.address.text(), why);
  } else {
    metrics_.connections_failed.add();
    if (!troubled_ && !why.empty())
      observe::log_warning("redis {}: no connection: {}; trying again", settings_.address.text(), why);
    troubled_ = true;
  }
  connection_.reset();  // answers what was under way
  introduced_ = false;
  owed_ = 0;
  random_ = random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
  const double portion = static_cast<double>(random_ >> 11U) * 0x1p-53;
  next_try_ =
      base::now() +
      base::Duration(static_cast<std::int64_t>(static_cast<double>(pause_.count()) * (1 + portion / 4)));
  pause_ = std::min(pause_ * 2, settings_.longest_pause);
}

}  // namespace saccade::redis
