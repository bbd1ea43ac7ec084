// One request on its way through a scheduler.
#pragma once

#include <functional>

#include "base/error.h"
#include "request/inference_request.h"
#include "runtime/event_loop.h"

namespace saccade::schedule {

using Done = std::move_only_function<void(base::Result<request::InferenceResponse>)>;

struct Job {
  request::InferenceRequest request;
  Done done;  // called exactly once, on `loop`
  runtime::EventLoop* loop = nullptr;
  request::Timings timings;
  base::TimePoint expires = base::TimePoint::max();  // set by the queue: its policy's longest wait

  std::int64_t items() const { return request.batch; }
  bool caller_gone() const {
    return request.caller_gone != nullptr && request.caller_gone->load(std::memory_order_relaxed);
  }
};

}  // namespace saccade::schedule
