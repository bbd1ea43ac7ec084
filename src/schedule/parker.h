// Where one thread waits to be woken by another: a futex, nothing around it. Waking a thread that does not
// wait costs no call into the kernel.
#pragma once

#include <atomic>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace saccade::schedule {

class Parker {
 public:
  // Until the next wake(), or at once if there has been one. One thread.
  void park() {
    while (state_.exchange(kNothing, std::memory_order_acquire) != kWoken) {
      std::uint32_t expected = kNothing;
      if (!state_.compare_exchange_strong(expected, kWaits, std::memory_order_relaxed)) continue;
      call(FUTEX_WAIT_PRIVATE, kWaits);
    }
  }
  // From any thread; all that it did before is seen by the one that waits.
  void wake() {
    if (state_.exchange(kWoken, std::memory_order_release) == kWaits) call(FUTEX_WAKE_PRIVATE, 1);
  }

 private:
  static constexpr std::uint32_t kNothing = 0;
  static constexpr std::uint32_t kWoken = 1;
  static constexpr std::uint32_t kWaits = 2;

  // What it returns says nothing that park() doesn't see for itself.
  void call(int operation, std::uint32_t value) {
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&state_), operation, value, nullptr, nullptr, 0);
  }

  std::atomic<std::uint32_t> state_{kNothing};
};
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t), "a futex is 32 bits");

}  // namespace saccade::schedule
