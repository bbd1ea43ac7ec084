// The memory that requests hold, over all event loops: bodies and messages that are not whole yet or wait to
// be handled, and the inputs of predictions that are not answered yet. There is one count, as there is one
// memory.
#pragma once

#include <atomic>
#include <cstdint>

namespace saccade::runtime {

class MemoryInFlight {
 public:
  // Before the server starts; 0: no limit.
  void set_limit(std::uint64_t bytes) { limit_ = bytes; }
  std::uint64_t limit() const { return limit_; }

  void add(std::uint64_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void remove(std::uint64_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // Whether so many more bytes of bodies are too many. They get three quarters, so that who sends slowly does
  // not keep those out whose bodies come in one piece.
  bool full(std::uint64_t more) const { return limit_ > 0 && bytes() + more > limit_ - limit_ / 4; }
  // Adds them if they are not too many.
  bool try_add(std::uint64_t bytes);

 private:
  std::uint64_t limit_ = 0;
  std::atomic<std::uint64_t> bytes_{0};
};

MemoryInFlight& memory_in_flight();

}  // namespace saccade::runtime
