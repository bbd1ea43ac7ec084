#include "runtime/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <pthread.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace saccade::runtime {
namespace {

thread_local EventLoop* current_loop = nullptr;

// A wait that took longer than this has slept: nothing was ready when it began.
constexpr base::Duration kSlept = std::chrono::microseconds(5);
constexpr base::Duration kForever = base::Duration::max();
// So long descriptors are handled in one turn, about: it is looked at after so many.
constexpr base::Duration kLongestHandling = std::chrono::milliseconds(1);
constexpr int kHandledAtOnce = 4;

struct Here {
  explicit Here(EventLoop* loop) : before(std::exchange(current_loop, loop)) {}
  ~Here() { current_loop = before; }
  Here(const Here&) = delete;
  Here& operator=(const Here&) = delete;
  EventLoop* before;
};

// Without its descriptors there is no loop, and without loops no server: for the start alone.
int made(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return descriptor;
}

// As epoll takes it. Rounded up: a timer that rings early would only be waited for again.
int milliseconds(base::Duration longest) {
  if (longest == kForever) return -1;
  const base::Duration most = std::clamp<base::Duration>(longest, base::Duration{0}, std::chrono::hours(1));
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(most).count());
}

}  // namespace

struct EventLoop::Called {
  std::array<epoll_event, kMostEvents> events;
  int next = 0;
  int count = 0;
};

EventLoop* EventLoop::current() {
  return current_loop;
}

EventLoop::EventLoop(std::size_t index)
    : index_(index),
      epoll_(made(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      bell_(made(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      called_(std::make_unique<Called>()) {
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event);
}

// What was still to run ends here, and may leave more behind as it does.
EventLoop::~EventLoop() {
  std::vector<Work> rest;
  do {
    rest.clear();
    for (Work& work : posted_) rest.push_back(std::move(work));
    for (Work& work : last_) rest.push_back(std::move(work));
    for (const auto& [when, timer] : timers_) rest.push_back(timer->take());
    posted_.clear();
    last_.clear();
    timers_.clear();
    const std::lock_guard lock(mutex_);
    for (Work& work : inbox_) rest.push_back(std::move(work));
    inbox_.clear();
  } while (!rest.empty());
  ::close(bell_);
  ::close(epoll_);
}

void EventLoop::post(Work work) {
  if (current_loop == this) {
    posted_.push_back(std::move(work));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(work));
    // The loop says that it goes to sleep and then looks for what was delivered; this is the other way round.
    delivered_.fetch_add(1);
  }
  if (!asleep_.exchange(false)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t rung = ::write(bell_, &one, sizeof one);
}

bool EventLoop::watch(int descriptor, Watcher& watcher) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &watcher}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
  ++watched_;
  return true;
}

void EventLoop::unwatch(int descriptor, Watcher& watcher) {
  if (::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr) == 0) --watched_;
  for (int i = called_->next; i < called_->count; ++i) {
    epoll_event& event = called_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

void EventLoop::run() {
  const Here here(this);
  pthread_setname_np(pthread_self(), ("loop-" + std::to_string(index_)).c_str());
  while (!stopped_) turn(kForever);
}

void EventLoop::stop() {
  post([this] { stopped_ = true; });
}

std::size_t EventLoop::turn(base::Duration longest) {
  wait(longest);
  in_turn_ = true;
  std::size_t done = handle();
  if (!timers_.empty()) done += ring(began_);
  if (delivered_.load(std::memory_order_relaxed) > 0) take_posted();
  done += run_all(posted_);
  done += run_all(last_);
  in_turn_ = false;
  return done;
}

void EventLoop::wait(base::Duration longest) {
  const base::TimePoint begun = base::now();
  if (called_->next < called_->count) {
    began_ = begun;
    return;
  }
  if (!timers_.empty()) longest = std::min(longest, timers_.begin()->first - begun);
  if (!posted_.empty() || !last_.empty()) longest = base::Duration{0};
  asleep_.store(true);
  if (delivered_.load() > 0) longest = base::Duration{0};
  const bool full = called_->count == kMostEvents;  // there may have been more than the last answer said
  const int count = ::epoll_wait(epoll_, called_->events.data(), kMostEvents, milliseconds(longest));
  asleep_.store(false, std::memory_order_relaxed);
  const base::TimePoint ended = base::now();
  // What was not ready when the last wait ended has become so since; a wait that slept ended when the first
  // of it did.
  if (ended - begun > kSlept) {
    unread_since_ = ended;
  } else if (!full) {
    unread_since_ = waited_until_;
  }
  waited_until_ = ended;
  began_ = ended;
  wall_ahead_ = std::chrono::system_clock::now().time_since_epoch() - ended.time_since_epoch();
  called_->next = 0;
  called_->count = std::max(count, 0);
}

std::size_t EventLoop::handle() {
  std::size_t done = 0;
  while (called_->next < called_->count) {
    if (done % kHandledAtOnce == kHandledAtOnce - 1 && base::now() - began_ > kLongestHandling) break;
    const epoll_event& event = called_->events[static_cast<std::size_t>(called_->next++)];
    if (event.data.ptr == nullptr) continue;  // the bell, or unwatched
    const std::uint32_t events = event.events;
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    static_cast<Watcher*>(event.data.ptr)
        ->on_ready({.read = broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0,
                    .write = broken || (events & EPOLLOUT) != 0,
                    .ended = broken || (events & EPOLLRDHUP) != 0,
                    .broken = broken});
    received_ = base::TimePoint{};
    ++done;
  }
  return done;
}

std::size_t EventLoop::ring(base::TimePoint now) {
  // No more than there are: one that is set anew for the past would ring for ever.
  std::size_t done = 0;
  for (const std::size_t most = timers_.size(); done < most; ++done) {
    if (timers_.empty() || timers_.begin()->first > now) break;
    timers_.extract(timers_.begin()).mapped()->take()();
  }
  return done;
}

void EventLoop::take_posted() {
  const std::lock_guard lock(mutex_);
  delivered_.fetch_sub(inbox_.size(), std::memory_order_relaxed);
  std::ranges::move(inbox_, std::back_inserter(posted_));
  inbox_.clear();
}

std::size_t EventLoop::run_all(std::vector<Work>& all) {
  if (all.empty()) return 0;
  running_.swap(all);
  for (Work& work : running_) {
    std::exchange(work, nullptr)();
    received_ = base::TimePoint{};
  }
  const std::size_t done = running_.size();
  running_.clear();
  return done;
}

bool EventLoop::idle() const {
  return posted_.empty() && last_.empty() && timers_.empty() && watched_ == 0 && delivered_.load() == 0;
}

void EventLoop::run_for(base::Duration limit) {
  const Here here(this);
  const base::TimePoint end = base::now() + limit;
  for (base::TimePoint now = base::now(); now < end && !idle(); now = base::now()) turn(end - now);
}

void EventLoop::run_one_for(base::Duration limit) {
  const Here here(this);
  turn(limit);
}

void EventLoop::poll() {
  const Here here(this);
  while (turn(base::Duration{0}) > 0) {
  }
}

void Timer::set(base::TimePoint when, EventLoop::Work work) {
  cancel();
  work_ = std::move(work);
  place_ = loop_.timers_.emplace(when, this);
}

EventLoop::Work Timer::take() {
  return std::exchange(work_, nullptr);
}

void Timer::cancel() {
  if (!work_) return;
  loop_.timers_.erase(place_);
  const EventLoop::Work ended = take();  // which may own the timer
}

LoopGroup::LoopGroup(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<EventLoop>(i));
}

void LoopGroup::start() {
  for (auto& loop : loops_) threads_.emplace_back([&loop] { loop->run(); });
}

void LoopGroup::stop() {
  if (threads_.empty()) return;
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace saccade::runtime
