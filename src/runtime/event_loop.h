// Event loops: one thread each, waiting with epoll. A connection lives and dies on one loop; nothing on a
// loop blocks.
//
// A loop goes round in turns, each with one wait:
//   1. every descriptor that is ready is handled, and every timer that is due;
//   2. the work posted until then runs, in its order: what 1 has decoded is one batch by now;
//   3. what was put off to the turn's end runs: one write for all that the turn has made.
// What 2 and 3 leave behind for themselves waits for the next turn, which then doesn't sleep. Where 1 takes
// longer than a millisecond, so that what it has decoded would wait long, 2 and 3 come in between: the next
// turn goes on with the rest instead of waiting.
//
// Descriptors are watched edge-triggered: one call when they are added, none per request. Whoever watches one
// remembers that it is ready until a read or a write has found out otherwise.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace saccade::runtime {

class Timer;

class EventLoop {
 public:
  using Work = std::move_only_function<void()>;

  // Hears of a descriptor. Belongs to the loop's thread; unwatch() comes before its end.
  class Watcher {
   public:
    struct Ready {
      bool read = false;   // bytes, or the end of the stream
      bool write = false;  // room
      bool ended = false;  // the peer sends nothing more
      bool broken = false;
    };
    virtual void on_ready(Ready ready) = 0;

   protected:
    ~Watcher() = default;
  };

  explicit EventLoop(std::size_t index);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  std::size_t index() const { return index_; }
  // Runs `work` on this loop, behind all that is ready there already. Safe from any thread.
  void post(Work work);
  // Runs `work` when the rest of this turn has run. Only on the loop's thread.
  void at_turn_end(Work work) { last_.push_back(std::move(work)); }

  // From now on `watcher` hears each time when there is something new to read from or room to write to the
  // descriptor; once at first, if there is already. False: the system can't (errno says why). Only on the
  // loop's thread, or before it runs.
  bool watch(int descriptor, Watcher& watcher);
  // `watcher` hears no more of it.
  void unwatch(int descriptor, Watcher& watcher);

  // When this turn began, for what need not be exact; outside of a turn: now. Only on the loop's thread.
  base::TimePoint turn_began() const { return in_turn_ ? began_ : base::now(); }
  // Since when what the running handler has read may have waited to be read. Where the socket says when its
  // bytes came (note_received), that. Else they could not have been read before this time: the loop asked the
  // system what is readable then, and this has not been among it; where very much is readable at once (more
  // than the system says in one answer) it may have been earlier. `now` for a loop that had nothing to do,
  // and outside of a turn. Only on the loop's thread.
  base::TimePoint unread_since(base::TimePoint now) const {
    if (!in_turn_) return now;
    return std::min(received_ != base::TimePoint{} ? received_ : unread_since_, now);
  }
  // The last byte that the running handler has read reached this machine then, by the wall's clock
  // (nanoseconds since 1970-01-01 UTC). Forgotten when the handler returns. Only on the loop's thread.
  void note_received(std::int64_t unix_nanos) {
    received_ = base::TimePoint(base::Duration(unix_nanos)) - wall_ahead_;
  }
  // The loop whose thread calls this; null elsewhere.
  static EventLoop* current();

  // For loops that have no thread of their own: turns, on the caller's. Until nothing is left to wait for or
  // the time is over; one that waits so long at most; as many as there is something ready for.
  void run_for(base::Duration limit);
  void run_one_for(base::Duration limit);
  void poll();

 private:
  friend class LoopGroup;
  friend class Timer;
  using Timers = std::multimap<base::TimePoint, Timer*>;

  void run();
  void stop();
  // How much was done.
  std::size_t turn(base::Duration longest);
  // Leaves in called_ what is ready; returns at once where the last turn has left some.
  void wait(base::Duration longest);
  std::size_t handle();
  std::size_t ring(base::TimePoint now);
  void take_posted();
  std::size_t run_all(std::vector<Work>& all);
  bool idle() const;

  // In one turn. What a turn has decoded waits for its end, so that it is not to be long.
  static constexpr int kMostEvents = 64;

  const std::size_t index_;
  int epoll_ = -1;
  int bell_ = -1;  // wakes the loop when another thread has posted
  bool stopped_ = false;
  bool in_turn_ = false;
  base::TimePoint unread_since_{};
  base::TimePoint waited_until_{};  // when the last wait ended
  base::TimePoint began_{};         // the turn: as it, or later where it goes on with what was left
  base::TimePoint received_{};      // what the running handler has read; zero: it doesn't know
  base::Duration wall_ahead_{0};    // the wall's clock, of the steady one; taken with each wait
  std::size_t watched_ = 0;
  Timers timers_;
  // The watchers still to be called; null: unwatched meanwhile.
  struct Called;
  std::unique_ptr<Called> called_;
  std::vector<Work> posted_;   // by the loop's own thread, or moved here from inbox_
  std::vector<Work> last_;     // for the turn's end
  std::vector<Work> running_;  // of the step under way; kept for its memory

  alignas(64) std::mutex mutex_;
  std::vector<Work> inbox_;                // by other threads; guarded by mutex_
  std::atomic<std::size_t> delivered_{0};  // to inbox_ and not yet taken
  std::atomic<bool> asleep_{false};        // about to wait, so that a post has to ring
};

// Calls back once, at a time or up to a millisecond after. Belongs to its loop's thread.
class Timer {
 public:
  explicit Timer(EventLoop& loop) : loop_(loop) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // A time set before is forgotten. `work` may set the timer anew or end it.
  void set(base::TimePoint when, EventLoop::Work work);
  void cancel();

 private:
  friend class EventLoop;
  // It is no longer in the loop's list: what it was to do.
  EventLoop::Work take();

  EventLoop& loop_;
  EventLoop::Work work_;  // null: not set
  EventLoop::Timers::iterator place_{};
};

// The process's loops. start() once; stop() lets the turn under way on each loop finish and joins the
// threads.
class LoopGroup {
 public:
  explicit LoopGroup(std::size_t count);
  ~LoopGroup() { stop(); }
  void start();
  void stop();
  std::size_t size() const { return loops_.size(); }
  EventLoop& operator[](std::size_t index) { return *loops_[index]; }

 private:
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace saccade::runtime
