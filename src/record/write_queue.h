// The rows between the event loops and the writer: a bounded queue whose producers don't meet.
//
// Each producing thread appends to a cell of its own (threads are dealt the cells in turn) and shares with
// the others only one count. The writer empties all cells at once. Nobody is woken for an ordinary row: the
// writer looks for itself at the flush interval, and the producer rings only for the first row of an empty
// queue, when a batch has gathered, and for a row whose commit somebody waits for — and then only if the
// writer sleeps.
//
// Invariants
//  - `rows_` counts every row with a place: in a cell or taken and not yet released. It never exceeds
//  `capacity`; the
//    bytes exceed `max_bytes` by at most one row per producing thread.
//  - A row without a place exists only in `overflow_`, and only for callers that wait for its place or its
//  commit: the
//    bound there is their own in-flight limit. It gets its place in the order of arrival, before any row that
//    waits later.
//  - After close() no row enters; once empty() is true then, it stays true.
//
// push() is safe from any thread; everything else but close() and rows() belongs to the writer.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "observe/metrics.h"
#include "record/prediction_log.h"

namespace saccade::record {

struct Row {
  Prediction prediction;
  Wait wait = Wait::kNothing;
  PredictionLog::Done done;
  std::size_t bytes = 0;
};

// Rows travel in vectors that never grow past this, so that no append moves the rows before it.
using Chunk = std::vector<Row>;
inline constexpr std::size_t kChunkRows = 64;

struct QueueLimits {
  std::size_t capacity = 0;     // rows
  std::size_t max_bytes = 0;    // of rows, about
  std::size_t batch_rows = 0;   // worth a commit before the flush interval ends
  std::size_t batch_bytes = 0;  //
};

class WriteQueue {
 public:
  explicit WriteQueue(const QueueLimits& limits);

  enum class Entry : std::uint8_t { kEntered, kFull, kClosed };
  // kFull is for kNothing only: the row is lost. Where `wait` is kAccepted, `done` is called as soon as the
  // row has a place, here or by the writer; where the answer is kClosed, `done` is left to the caller.
  Entry push(Prediction&& prediction, Wait wait, PredictionLog::Done& done);
  std::size_t rows() const { return rows_.load(std::memory_order_relaxed); }
  void close();

  bool closed() const { return closed_.load(); }
  bool empty();
  // Sleeps until a batch has gathered: until `flush_interval` after its first row, or as soon as it is big
  // enough or has a row whose commit is waited for. Returns at `idle_until` at the latest, or when the queue
  // is closed.
  void wait_for_batch(base::Duration flush_interval, base::TimePoint idle_until);
  // Sleeps until `until`, a row whose commit is waited for, or close().
  void wait_for_waiter(base::TimePoint until);
  // True when somebody waits for a commit.
  bool urgent() const { return waiters_.load() > 0; }
  // True when the writer must not rest: somebody waits, a quarter of the places are taken, or no more comes.
  bool hurried() const { return urgent() || closed() || rows() > limits_.capacity / 4; }

  // Adds all rows that have a place to `taken`, in the order of each producer.
  void take(std::deque<Chunk>& taken);
  // Takes the rows that wait for a place: all of them, or those whose commit is waited for.
  std::vector<Row> take_overflow(bool only_waiters);
  // Takes back an emptied chunk for the producers' use, so that their memory is warm.
  void recycle(Chunk&& chunk);
  // Gives back the places of taken rows, and to waiting rows theirs.
  void release(std::size_t rows, std::size_t bytes);

 private:
  struct alignas(64) Cell {
    std::mutex mutex;
    std::vector<Chunk> chunks;  // guarded by mutex; the last one is being filled
    std::size_t waiters = 0;    // guarded by mutex: the rows with kStored among them
  };

  // What the sleeping writer wants to be woken for; close() wakes it always.
  enum class Sleep : std::uint8_t { kAwake, kForAnyRow, kForBatch, kForWaiter };

  Chunk fresh_chunk();
  bool reserve(std::size_t bytes);
  void unreserve(std::size_t rows, std::size_t bytes);
  void enter(Row&& row);
  Entry wait_in_overflow(Row& row);  // takes it, unless kClosed
  void admit_overflow();
  bool batch_gathered() const;
  bool worth_waking(Sleep sleep) const;
  void ring_if_wanted();
  void sleep(Sleep reason, base::TimePoint until);

  const QueueLimits limits_;
  std::array<Cell, observe::kCells> cells_;
  base::TimePoint last_take_;  // the writer's: no row in a cell is older

  // Written by every producer. Their order towards sleep_ is what loses no ring, so all of them are
  // sequentially consistent: a producer counts its row and then looks at sleep_, the writer sets sleep_ and
  // then looks at the counts.
  alignas(64) std::atomic<std::size_t> rows_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::size_t> waiters_{0};  // rows with kStored, in a cell or in the overflow

  alignas(64) std::atomic<Sleep> sleep_{Sleep::kAwake};
  std::atomic<bool> closed_{false};
  std::mutex bell_mutex_;
  std::condition_variable bell_;

  std::mutex spare_mutex_;
  std::vector<Chunk> spare_;  // guarded by spare_mutex_; empty chunks

  std::mutex overflow_mutex_;
  std::deque<Row> overflow_;                   // guarded by overflow_mutex_
  std::atomic<std::size_t> overflow_rows_{0};  // its size, to be looked at without the mutex
};

}  // namespace saccade::record
