#include "limit/table.h"

#include <algorithm>
#include <bit>

namespace saccade::limit {

Table::Table(Rate rate, std::size_t room)
    : rate_(rate), sets_(std::bit_ceil(std::max<std::size_t>(room / kWays, 1))) {}

base::TimePoint& Table::find(Set& set, std::uint64_t key, base::TimePoint& now) {
  now = set.latest = std::max(now, set.latest);
  Cell* free = nullptr;
  for (Cell& cell : set.cells) {
    if (cell.key == key && cell.theoretical > now) return cell.theoretical;
    if (free == nullptr && cell.theoretical <= now) free = &cell;
  }
  // Who was counted with the crowd stays there until that is full again: what it has used is remembered
  // nowhere else.
  if (set.crowd > now || free == nullptr) {
    shared_.fetch_add(1, std::memory_order_relaxed);
    return set.crowd;
  }
  free->key = key;
  return free->theoretical;
}

Table::Taken Table::take(std::uint64_t key, base::TimePoint now) {
  const std::size_t index = set_of(key);
  const std::lock_guard lock(locks_[index % locks_.size()].mutex);
  base::TimePoint& theoretical = find(sets_[index], key, now);
  if (rate_.wait(theoretical, now).count() > 0) return {.allowed = false, .theoretical = theoretical};
  theoretical = rate_.after(theoretical, now);
  return {.allowed = true, .theoretical = theoretical};
}

base::TimePoint Table::look(std::uint64_t key, base::TimePoint now) {
  const std::size_t index = set_of(key);
  const std::lock_guard lock(locks_[index % locks_.size()].mutex);
  return find(sets_[index], key, now);
}

// Up to the time that the call came to, nobody can have found the count full, so its interval is still part
// of it.
void Table::give_back(std::uint64_t key, base::TimePoint theoretical, base::TimePoint now) {
  const std::size_t index = set_of(key);
  const std::lock_guard lock(locks_[index % locks_.size()].mutex);
  if (std::max(now, sets_[index].latest) < theoretical) find(sets_[index], key, now) -= rate_.interval;
}

void Table::raise(std::uint64_t key, base::TimePoint theoretical, base::TimePoint now) {
  if (theoretical <= now) return;
  const std::size_t index = set_of(key);
  const std::lock_guard lock(locks_[index % locks_.size()].mutex);
  base::TimePoint& own = find(sets_[index], key, now);
  own = std::max(own, theoretical);
}

}  // namespace saccade::limit
