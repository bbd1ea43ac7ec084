// How much may be in flight: predictions, and the memory that their inputs take.
//
// A prediction is in flight from when it was decoded until its answer has been made. Its memory is the bytes
// of its input tensors (of texts, their characters and 32 bytes each), counted together with the bodies that
// are still being received (runtime/memory_in_flight.h). Safe from every event loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "observe/metrics.h"
#include "schedule/job.h"

namespace saccade::serve {

struct LoadSettings {
  std::size_t max_in_flight = 0;  // 0: no limit
  std::uint64_t max_memory = 0;   // likewise; bytes

  bool any() const { return max_in_flight > 0 || max_memory > 0; }
};

// Must outlive the requests.
class LoadLimits {
 public:
  LoadLimits(const LoadSettings& settings, observe::Registry& registry);

  // Why the request is not taken (kUnavailable; kTooLarge where it never will be); or nothing, and then its
  // place is free again when `done` is called.
  std::optional<base::Error> enter(const request::InferenceRequest& request, schedule::Done& done);

 private:
  const LoadSettings settings_;
  std::atomic<std::size_t> in_flight_{0};
  observe::Counter& refused_in_flight_;
  observe::Counter& refused_memory_;
};

}  // namespace saccade::serve
