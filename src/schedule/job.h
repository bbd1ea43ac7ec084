// One request on its way through a scheduler.
#pragma once

#include <functional>

#include "base/error.h"
#include "request/inference_request.h"
#include "runtime/event_loop.h"

namespace saccade::schedule {

using Done = std::move_only_function<void(base::Result<request::InferenceResponse>)>;

// What a request was let in with, and what becomes of it is measured by. Plain data.
struct Promise {
  base::TimePoint begun{};  // its bytes may have come as early as this
  base::TimePoint limit =
      base::TimePoint::max();  // to be answered by then: the objective or its own deadline
  base::TimePoint drop_after = base::TimePoint::max();  // of no use after it: `limit`, or later where an idle
                                                        // server could not keep that either
  base::TimePoint expected{};                           // when its answer was predicted, on the average
  base::Duration run{0};                                // of that, its run
  base::Duration risk{0};                               // by how much that may well be wrong
  base::TimePoint ran{};                                // its run ended
  std::uint64_t level = 0;                              // its class
  bool forecast = false;                                // expected and risk are set
  bool guess = false;  // from run times that no run had shown yet: nothing to judge forecasts by
  bool trial = false;  // let in against the forecast, to learn whether it holds

  bool held() const { return limit != base::TimePoint::max(); }
};

struct Job {
  request::InferenceRequest request;
  Done done;  // called exactly once, on `loop`
  runtime::EventLoop* loop = nullptr;
  request::Timings timings;
  base::TimePoint expires = base::TimePoint::max();  // set by the queue: its policy's longest wait
  Promise promise = {};                              // set at the door

  std::int64_t items() const { return request.batch; }
  bool caller_gone() const {
    return request.caller_gone != nullptr && request.caller_gone->load(std::memory_order_relaxed);
  }
};

}  // namespace saccade::schedule
