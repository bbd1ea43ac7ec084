#include "runtime/memory_in_flight.h"

namespace saccade::runtime {

// Taken first and given back, so that two that come at the same time never both get the last room.
bool MemoryInFlight::try_add(std::uint64_t bytes) {
  const std::uint64_t before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (limit_ == 0 || before + bytes <= limit_) return true;
  remove(bytes);
  return false;
}

MemoryInFlight& memory_in_flight() {
  static MemoryInFlight memory;
  return memory;
}

}  // namespace saccade::runtime
