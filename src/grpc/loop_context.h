// What the calls of one event loop share. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <string>

#include "grpc/timers.h"
#include "grpc_service.pb.h"
#include "runtime/event_loop.h"

namespace saccade::grpc {

// What one call may cost. Constant after the server has started.
struct Limits {
  std::size_t message_bytes = std::size_t{64} * 1024 * 1024;  // received, decompressed
  std::size_t stream_in_flight = 256;                         // requests of one stream not yet answered
  std::size_t unsent_bytes = std::size_t{1024} * 1024;  // answers of one stream that may wait for the peer
};

struct LoopContext {
  LoopContext(runtime::EventLoop& loop, const Limits& its_limits) : timers(loop), limits(its_limits) {}

  Timers timers;
  const Limits& limits;
  // Used for every inference in turn, so that their parts need not be allocated each time. trim() after use.
  inference::ModelInferRequest request;
  inference::ModelInferResponse response;
  inference::ModelStreamInferResponse stream_response;

  // Lets go of what a large message has left behind.
  template <typename Message>
  static void trim(Message& message, std::size_t bytes) {
    constexpr std::size_t kKept = std::size_t{256} * 1024;
    if (bytes > kKept) {
      message = Message();
    } else {
      message.Clear();
    }
  }
};

}  // namespace saccade::grpc
