// The counts of one rule: a bounded table from who is counted to the time that GCRA remembers of them.
//
// Exact whoever calls at the same time: each count is looked at and changed under the lock of its part of the
// table, which is held for a few comparisons. A count that is full again says nothing and makes place. Where
// eight that hash to the same place are all in use, those that come later share one count there: they are let
// in less often than alone, never more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "limit/gcra.h"

namespace saccade::limit {

class Table {
 public:
  // Room for about so many; a power of two is made of it.
  Table(Rate rate, std::size_t room);

  struct Taken {
    bool allowed = false;
    base::TimePoint theoretical;  // after it
  };
  // One call at `now`, of whom hashes to `key`.
  Taken take(std::uint64_t key, base::TimePoint now);
  // How it stands, without counting anything.
  base::TimePoint look(std::uint64_t key, base::TimePoint now);
  // Undoes a take() that came to `theoretical`, where it still weighs. For calls that another rule refused.
  void give_back(std::uint64_t key, base::TimePoint theoretical, base::TimePoint now);
  // What is known from elsewhere: not before this time.
  void raise(std::uint64_t key, base::TimePoint theoretical, base::TimePoint now);

  const Rate& rate() const { return rate_; }
  // Calls of those that shared a count.
  std::uint64_t shared() const { return shared_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kWays = 8;
  struct Cell {
    std::uint64_t key = 0;
    base::TimePoint theoretical{};  // of the past: the cell is free
  };
  struct Set {
    std::array<Cell, kWays> cells;
    base::TimePoint crowd{};  // of all that found no cell
    base::TimePoint
        latest{};  // time doesn't go back here, whoever was held up between the clock and the lock
  };
  struct alignas(64) Lock {
    std::mutex mutex;
  };

  std::size_t set_of(std::uint64_t key) const { return key & (sets_.size() - 1); }
  // With its lock held. A fresh cell is the key's own afterwards.
  base::TimePoint& find(Set& set, std::uint64_t key, base::TimePoint& now);

  const Rate rate_;
  std::vector<Set> sets_;
  std::array<Lock, 64> locks_;
  std::atomic<std::uint64_t> shared_{0};
};

}  // namespace saccade::limit
