// The process's run threads and who has them: every model that is too long for an event loop runs here.
//
// Places, one for each usable processor, are given out as RunOrder says. A model says what it wants (want());
// whoever finds that a run may begin, a loop that brings a request or a thread whose run has ended, hands it
// to a thread that waits: one wake for each batch, and none where the thread that has just finished goes on
// itself. Of the threads that wait the one that ran last goes first, as its caches are warm.
//
// Two kinds of threads run at two priorities. Long runs give way to everything else (kLongNice), so that
// event loops and short runs find a processor at once though all of them are busy. The kernel lets a thread
// lower its own priority without a right but not raise it again, so each kind has threads of its own.
//
// One more thread keeps time for all models: runs that are to begin later, and Work::look().
//
// Locks: a model's own may be held when it calls want(); the pool holds none when it calls a model.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "observe/metrics.h"
#include "schedule/run_order.h"

namespace saccade::schedule {

// How far threads of long runs give way to all others. One step of niceness is a tenth of the processor
// against a neighbour: at 5 a thread gets a quarter of it beside one that wants all, at 10 a tenth.
inline constexpr int kLongNice = 10;

class RunPool {
 public:
  // A model's side. Both are called on threads of the pool and from several of them at once.
  class Work {
   public:
    virtual ~Work() = default;
    // Takes a batch and runs it. False: there was nothing to run. Has to want() before it returns. `waited`:
    // for a place, since the run was due.
    virtual bool run(base::Duration waited) = 0;
    // At the time that it asked for; has to want() again.
    virtual void look(base::TimePoint now) = 0;
  };
  // A model in the pool.
  class Seat;
  struct Worker;
  // Wakes the threads that were handed runs when it ends, so that whoever handed them can let go of locks
  // first.
  class Wake {
   public:
    Wake() = default;
    explicit Wake(Worker* first) : first_(first) {}
    Wake(Wake&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
    Wake& operator=(Wake&& other) noexcept {
      std::swap(first_, other.first_);
      return *this;
    }
    ~Wake();

   private:
    Worker* first_ = nullptr;  // a list
  };
  // What a model wants, until it says something else. max(): nothing.
  struct Want {
    base::TimePoint due = base::TimePoint::max();       // to run
    base::TimePoint start_by = base::TimePoint::max();  // or somebody is answered too late
    base::TimePoint look = base::TimePoint::max();      // to be looked after
  };
  struct Terms {
    std::size_t places = 1;  // that one run takes; 0: it runs elsewhere than on the processors
    std::size_t most = 0;    // runs side by side; 0: as many as fit
    double weight = 1;
    base::Duration expected{0};  // time of a run, as far as it is known
  };

  explicit RunPool(std::size_t places);
  // All models have left.
  ~RunPool();
  RunPool(const RunPool&) = delete;
  RunPool& operator=(const RunPool&) = delete;

  // saccade_run_places and its kin. The pool must outlive the scrapes.
  void add_metrics(observe::Registry& registry);

  // Starts the threads that its runs may need: not on a loop.
  Seat& join(Work& work, const Terms& terms);
  // Blocks until nothing of it runs any more. Not from within its Work.
  void leave(Seat& seat);
  [[nodiscard]] Wake want(Seat& seat, const Want& want);
  // It can't have more runs side by side than this.
  void lower_most(Seat& seat, std::size_t most);

  std::size_t places() const { return order_.places(); }
  // Runs of it that can be counted on side by side.
  static std::size_t instances(const Seat& seat);
  static std::size_t most(const Seat& seat);
  // Whether models wait for places.
  bool contended() const { return contended_.load(std::memory_order_relaxed); }
  // Whether no other model runs.
  bool alone(const Seat& seat) const;

 private:
  enum Kind : std::size_t { kShort, kLong, kKinds };
  static Kind kind_of(const RunOrder::Member& member);
  void add_threads(Kind kind, std::size_t count);
  void work(Worker& worker);
  // Begins all runs that may begin. The one that `self` (null: no worker asks) can go on with is returned;
  // the others are handed to threads that wait, which are added to the list `woken`.
  RunOrder::Grant dispatch(Worker* self, base::TimePoint now, Worker*& woken);
  void set_timer();
  void keep_time();
  void look_after(std::unique_lock<std::mutex>& lock, base::TimePoint now);
  void publish();

  mutable std::mutex mutex_;
  // All below are guarded by mutex_ but where they say otherwise.
  RunOrder order_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::size_t elsewhere_ = 0;  // runs that need a thread and no place
  std::vector<std::unique_ptr<Worker>> workers_;
  std::array<std::size_t, kKinds> threads_{};
  std::array<std::vector<Worker*>, kKinds> waiting_;  // the last one waits the shortest
  std::condition_variable seat_free_;                 // a run or a look of some seat has ended
  std::condition_variable timer_changed_;
  base::TimePoint timer_ = base::TimePoint::max();
  bool ending_ = false;
  std::thread timekeeper_;
  std::atomic<bool> contended_{false};    // read without the lock
  std::atomic<std::size_t> busy_{0};      // the same
  std::atomic<std::uint64_t> beside_{0};  // the same; runs so far
};

}  // namespace saccade::schedule
