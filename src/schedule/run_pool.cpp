#include "schedule/run_pool.h"

#include <algorithm>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include "schedule/parker.h"

namespace saccade::schedule {
namespace {

using base::Duration;
using base::TimePoint;

// From here on a run counts as long.
constexpr Duration kLongRun = std::chrono::milliseconds(5);

std::size_t beside_of(std::size_t places) {
  return std::max<std::size_t>(places / 2, 1);
}

// Only ever downwards; where it can't be done the thread runs as any other.
void lower_priority(int nice) {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
}

}  // namespace

// Guarded by the pool's lock but for the atomics.
class RunPool::Seat : public RunOrder::Member {
 public:
  Seat(Work& its_work, const Terms& terms)
      : Member{.places = terms.places,
               .most = terms.most,
               .weight = terms.weight,
               .expected = terms.expected},
        work(its_work),
        countable(terms.most),
        limit(terms.most) {}

  Work& work;
  TimePoint look = TimePoint::max();
  bool looked_after = false;           // now
  std::atomic<std::size_t> countable;  // instances
  std::atomic<std::size_t> limit;      // `most`, for those without the lock
};

struct RunPool::Worker {
  Kind kind = kShort;
  Parker parker;
  RunOrder::Grant grant;         // what it was handed; no member: it is to end
  Worker* next_woken = nullptr;  // of the same list
  std::thread thread;
};

RunPool::Wake::~Wake() {
  while (first_ != nullptr) {
    // Once it is awake the link is its own again.
    Worker& worker = *std::exchange(first_, first_->next_woken);
    worker.parker.wake();
  }
}

RunPool::RunPool(std::size_t places)
    : order_(std::max<std::size_t>(places, 1), beside_of(std::max<std::size_t>(places, 1))) {}

RunPool::~RunPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  timer_changed_.notify_all();
  for (const auto& worker : workers_) {
    worker->grant = {};
    worker->parker.wake();
  }
  for (const auto& worker : workers_) worker->thread.join();
  if (timekeeper_.joinable()) timekeeper_.join();
}

void RunPool::add_metrics(observe::Registry& registry) {
  registry.gauge_from("saccade_run_places",
                      "Places to run models on: the processors that the process may use.", {},
                      [this] { return static_cast<double>(places()); });
  registry.gauge_from(
      "saccade_run_places_busy",
      "Places that runs of models take now; more than saccade_run_places where short runs go on "
      "beside long ones.",
      {}, [this] { return static_cast<double>(busy_.load(std::memory_order_relaxed)); });
  registry.counter_from("saccade_runs_beside_total",
                        "Runs that were short enough to begin though all places were taken by long ones.", {},
                        [this] { return static_cast<double>(beside_.load(std::memory_order_relaxed)); });
}

std::size_t RunPool::instances(const Seat& seat) {
  return seat.countable.load(std::memory_order_relaxed);
}

std::size_t RunPool::most(const Seat& seat) {
  return seat.limit.load(std::memory_order_relaxed);
}

bool RunPool::alone(const Seat& seat) const {
  const std::lock_guard lock(mutex_);
  return order_.used() == seat.running * seat.places;
}

RunPool::Seat& RunPool::join(Work& work, const Terms& terms) {
  Terms fitting = terms;
  const std::size_t all = places();
  fitting.places = std::min(terms.places, all);
  const std::size_t fit = fitting.places == 0 ? all : all / fitting.places;
  if (terms.most == 0) fitting.most = fit;
  const std::lock_guard lock(mutex_);
  Seat& seat = *seats_.emplace_back(std::make_unique<Seat>(work, fitting));
  order_.add(seat);
  if (fitting.places == 0) elsewhere_ += fitting.most;
  // Whichever runs go on, there is a thread for each: nobody has to start one when a request comes.
  const std::size_t enough = all + beside_of(all) + elsewhere_;
  add_threads(kShort, enough);
  add_threads(kLong, enough);
  if (!timekeeper_.joinable()) {
    timekeeper_ = std::thread([this] { keep_time(); });
    pthread_setname_np(timekeeper_.native_handle(), "timekeeper");
  }
  return seat;
}

void RunPool::add_threads(Kind kind, std::size_t count) {
  for (; threads_[kind] < count; ++threads_[kind]) {
    Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
    worker.kind = kind;
    // At the bottom: those that have run before go first.
    waiting_[kind].insert(waiting_[kind].begin(), &worker);
    worker.thread = std::thread([this, &worker] { work(worker); });
    pthread_setname_np(worker.thread.native_handle(), kind == kLong ? "run-long" : "run");
  }
}

void RunPool::leave(Seat& seat) {
  std::unique_lock lock(mutex_);
  seat.look = TimePoint::max();
  order_.want(seat, TimePoint::max(), TimePoint::max());
  seat_free_.wait(lock, [&] { return seat.running == 0 && !seat.looked_after; });
  order_.remove(seat);
  if (seat.places == 0) elsewhere_ -= seat.most;
  std::erase_if(seats_, [&](const auto& other) { return other.get() == &seat; });
}

RunPool::Wake RunPool::want(Seat& seat, const Want& want) {
  const TimePoint now = base::now();
  Worker* woken = nullptr;
  const std::lock_guard lock(mutex_);
  order_.want(seat, want.due, want.start_by);
  seat.look = want.look;
  if (want.due <= now) dispatch(nullptr, now, woken);
  if ((want.due > now && want.due < timer_) || want.look < timer_) set_timer();
  return Wake(woken);
}

void RunPool::lower_most(Seat& seat, std::size_t most) {
  const std::lock_guard lock(mutex_);
  most = std::min(most, seat.most);
  if (seat.places == 0) elsewhere_ -= seat.most - most;
  seat.most = most;
  seat.limit.store(most, std::memory_order_relaxed);
}

RunPool::Kind RunPool::kind_of(const RunOrder::Member& member) {
  return member.expected >= kLongRun ? kLong : kShort;
}

RunOrder::Grant RunPool::dispatch(Worker* self, TimePoint now, Worker*& woken) {
  RunOrder::Grant own;
  while (const auto grant = order_.next(now)) {
    if (grant->beside) beside_.fetch_add(1, std::memory_order_relaxed);
    const Kind kind = kind_of(*grant->member);
    if (self != nullptr && own.member == nullptr && self->kind == kind) {
      own = *grant;
      continue;
    }
    // There are as many threads of each kind as runs can go on.
    Worker* worker = waiting_[kind].back();
    waiting_[kind].pop_back();
    worker->grant = *grant;
    worker->next_woken = std::exchange(woken, worker);
  }
  publish();
  return own;
}

void RunPool::publish() {
  contended_.store(order_.contended(), std::memory_order_relaxed);
  busy_.store(order_.used(), std::memory_order_relaxed);
}

void RunPool::work(Worker& worker) {
  if (worker.kind == kLong) lower_priority(kLongNice);
  for (;;) {
    worker.parker.park();
    RunOrder::Grant grant = worker.grant;
    if (grant.member == nullptr) return;
    while (grant.member != nullptr) {
      Seat& seat = static_cast<Seat&>(*grant.member);
      const bool ran = seat.work.run(grant.waited);
      const TimePoint now = base::now();
      Worker* woken = nullptr;
      {
        const std::lock_guard lock(mutex_);
        order_.end(grant, now, ran);
        seat.countable.store(order_.instances(seat), std::memory_order_relaxed);
        seat_free_.notify_all();
        grant = dispatch(&worker, now, woken);
        if (grant.member == nullptr) waiting_[worker.kind].push_back(&worker);
      }
      Wake{woken};
    }
  }
}

// The timekeeper finds out itself when it has to wake.
void RunPool::set_timer() {
  timer_ = TimePoint::min();
  timer_changed_.notify_one();
}

void RunPool::keep_time() {
  Worker* woken = nullptr;
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const TimePoint now = base::now();
    look_after(lock, now);
    dispatch(nullptr, now, woken);
    if (woken != nullptr) {
      lock.unlock();
      {
        const Wake rung(std::exchange(woken, nullptr));
      }
      lock.lock();
      continue;
    }
    timer_ = order_.next_due(now);
    for (const auto& seat : seats_) timer_ = std::min(timer_, seat->look);
    const TimePoint until = timer_;
    const auto sooner = [&] { return ending_ || timer_ < until; };
    if (until == TimePoint::max()) {
      timer_changed_.wait(lock, sooner);
    } else {
      timer_changed_.wait_until(lock, until, sooner);
    }
  }
}

void RunPool::look_after(std::unique_lock<std::mutex>& lock, TimePoint now) {
  // Afresh each time: while a model is asked others may leave.
  const auto due = [&] {
    return std::ranges::find_if(seats_, [&](const auto& seat) { return seat->look <= now; });
  };
  for (auto found = due(); found != seats_.end() && !ending_; found = due()) {
    Seat& seat = **found;
    seat.look = TimePoint::max();
    seat.looked_after = true;
    lock.unlock();
    seat.work.look(now);
    lock.lock();
    seat.looked_after = false;
    seat_free_.notify_all();
  }
}

}  // namespace saccade::schedule
