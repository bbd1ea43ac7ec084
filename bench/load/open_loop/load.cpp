#include "load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

#include "message.h"

namespace open_loop {
namespace {

constexpr std::size_t kBurst = 64;  // requests sent in a row before answers are looked at

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't read " + path);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) throw std::runtime_error(path + " is empty");
  return bytes;
}

// The warm-up is one more phase, before the others.
std::vector<Phase> with_warm_up(const Options& options) {
  std::vector<Phase> phases{{options.phases.front().rate, options.warm_up}};
  phases.insert(phases.end(), options.phases.begin(), options.phases.end());
  return phases;
}

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// As many descriptors as the bound on connections needs, where the system lets us.
void allow_descriptors(unsigned count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, std::max<rlim_t>(limit.rlim_cur, count + 64));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Load::Load(const Options& options)
    : options_(options),
      arrivals_(make_arrivals(with_warm_up(options), options.poisson, options.seed)),
      tally_(options_, arrivals_, arrivals_.phase_of[1]),
      handshake_(make_handshake(options)),
      message_(make_message(options, content(options.file))),
      chance_(options.seed * 2 + 1) {
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // wake up when the next request is due, not 50 µs later
  allow_descriptors(options.max_connections);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  start_ = Clock::now();
  for (unsigned i = 0; i < options.connections; ++i) open();
  while (free_.size() < options.connections) {
    if (!trouble_.empty()) throw std::runtime_error(trouble_);
    if (now() > 10'000'000'000) throw std::runtime_error("the server takes no connections within 10 s");
    poll(100'000'000);
  }
}

Load::~Load() {
  ::close(epoll_);
}

void Load::run() {
  const double cpu_before = cpu_seconds();
  start_ = Clock::now();
  const auto& due = arrivals_.due_ns;
  double seconds = 0;
  for (const Phase& phase : with_warm_up(options_)) seconds += phase.seconds;
  const auto end = static_cast<std::int64_t>(seconds * 1e9);
  const auto patience = end + static_cast<std::int64_t>(options_.patience * 1e9);
  std::size_t next = 0;
  for (std::int64_t at = now(); at < end || ((next < due.size() || unanswered_ > 0) && at < patience);
       at = now()) {
    for (std::size_t i = 0; i < kBurst && next < due.size() && due[next] <= at; ++i) dispatch(next++);
    flush();
    const std::int64_t wake = next < due.size() ? due[next] : at < end ? end : patience;
    poll(std::max<std::int64_t>(0, wake - now()));
  }
  wall_seconds_ = static_cast<double>(now()) / 1e9;
  cpu_seconds_ = cpu_seconds() - cpu_before;
  const std::int64_t last = now();
  for (const auto& connection : connections_)
    for (const std::size_t request : connection->owed())
      tally_.unanswered(request, last - due[request], true);
  for (const std::size_t request : held_) tally_.unanswered(request, last - due[request], false);
  // Where the generator fell so far behind that it had no turn for them.
  for (; next < due.size(); ++next) tally_.unanswered(next, last - due[next], false);
}

void Load::open() {
  if (connections_.size() >= options_.max_connections) return;
  auto connection = std::make_unique<Connection>(options_, handshake_, message_);
  if (connection->broken()) {
    trouble_ = connection->why();
    return;
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;  // once and for all
  event.data.ptr = connection.get();
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->descriptor(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  connections_.push_back(std::move(connection));
  ++opening_;
  tally_.opened();
}

void Load::dispatch(std::size_t request) {
  ++unanswered_;
  if (!free_.empty()) {
    chance_ ^= chance_ << 13;  // xorshift64 (Marsaglia 2003)
    chance_ ^= chance_ >> 7;
    chance_ ^= chance_ << 17;
    Connection& connection = *free_[chance_ % free_.size()];
    put(connection, request, false);
    if (options_.in_flight == 1) return settle(connection);
    unflushed_.push_back(&connection);
    if (!connection.free()) take_free(connection);
    return;
  }
  held_.push_back(request);
  if (held_.size() > opening_) open();
}

void Load::put(Connection& connection, std::size_t request, bool held) {
  tally_.sent(request, now() - arrivals_.due_ns[request], held);
  connection.put(request);
}

void Load::flush() {
  std::ranges::sort(unflushed_);
  unflushed_.erase(std::ranges::unique(unflushed_).begin(), unflushed_.end());
  for (Connection* connection : unflushed_) settle(*connection);
  unflushed_.clear();
}

bool Load::poll(std::int64_t wait_ns) {
  std::array<epoll_event, 64> events{};
  timespec wait{};
  wait.tv_sec = wait_ns / 1'000'000'000;
  wait.tv_nsec = wait_ns % 1'000'000'000;
  const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), &wait, nullptr);
  if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
  for (int i = 0; i < count; ++i) {
    auto& connection = *static_cast<Connection*>(events[i].data.ptr);
    const bool was_opening = connection.opening();
    const bool readable = (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    connection.ready(readable, scratch_, [&](std::size_t request, const Answer& answer) {
      --unanswered_;
      tally_.answered(request, now() - arrivals_.due_ns[request], answer);
    });
    if (was_opening && !connection.opening()) --opening_;
    settle(connection);
  }
  return count > 0;
}

void Load::settle(Connection& connection) {
  while (connection.free() && !held_.empty()) {
    const std::size_t request = held_.front();
    held_.pop_front();
    put(connection, request, true);
  }
  if (!connection.broken()) connection.flush();
  if (connection.broken()) {
    remove(connection);
  } else if (connection.free()) {
    put_free(connection);
  } else {
    take_free(connection);
  }
}

void Load::put_free(Connection& connection) {
  if (connection.place != Connection::kNowhere) return;
  connection.place = free_.size();
  free_.push_back(&connection);
}

void Load::take_free(Connection& connection) {
  if (connection.place == Connection::kNowhere) return;
  free_.back()->place = connection.place;
  free_[connection.place] = free_.back();
  free_.pop_back();
  connection.place = Connection::kNowhere;
}

void Load::remove(Connection& connection) {
  take_free(connection);
  for (const std::size_t request : connection.owed()) {
    --unanswered_;
    tally_.broken(request, connection.why());
  }
  if (!connection.why().empty()) trouble_ = connection.why();
  const auto at =
      std::ranges::find_if(connections_, [&](const auto& one) { return one.get() == &connection; });
  std::swap(*at, connections_.back());
  connections_.pop_back();  // ends it
  if (held_.size() > opening_) open();
}

}  // namespace open_loop
