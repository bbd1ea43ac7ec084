// Equal requests that are under way at the same time: the first leads, the others wait for what it brings.
//
// A flight begins with lead_or_wait() and ends with land(), or with promote() where nobody waits. Safe from
// any thread; nothing is called with the lock held.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "cache/key.h"

namespace saccade::cache {

template <typename Waiter>
class Flights {
 public:
  // True: nobody was under way; the caller leads, and has to end the flight. False: a copy of `waiter` waits.
  bool lead_or_wait(const Key& key, const Waiter& waiter) {
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto [flight, leads] = part.flights.try_emplace(key);
    if (!leads) flight->second.push_back(waiter);
    return leads;
  }
  // The flight ends; all who wait for it.
  std::deque<Waiter> land(const Key& key) {
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto flight = part.flights.find(key);
    if (flight == part.flights.end()) return {};
    std::deque<Waiter> waiters = std::move(flight->second);
    part.flights.erase(flight);
    return waiters;
  }
  // The leader can't go on: who has waited longest is to lead. Nothing: nobody waits, and the flight has
  // ended.
  std::optional<Waiter> promote(const Key& key) {
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto flight = part.flights.find(key);
    if (flight == part.flights.end()) return std::nullopt;
    if (flight->second.empty()) {
      part.flights.erase(flight);
      return std::nullopt;
    }
    std::optional<Waiter> next(std::move(flight->second.front()));
    flight->second.pop_front();
    return next;
  }

 private:
  static constexpr std::size_t kParts = 16;
  struct Part {
    std::mutex mutex;
    std::unordered_map<Key, std::deque<Waiter>, KeyHash> flights;  // guarded by mutex
  };
  Part& part_of(const Key& key) { return parts_[(KeyHash{}(key) >> 40) % kParts]; }

  std::array<Part, kParts> parts_;
};

}  // namespace saccade::cache
