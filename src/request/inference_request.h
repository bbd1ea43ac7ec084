// One prediction asked for, and its answer, whatever protocol they travel by.
//
// A request is made by a transport on its event loop, handed down by value, and answered exactly once on the
// same loop. `caller_gone` is the only part that two threads share: the transport sets it, the scheduler
// reads it before it spends compute.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "request/caller.h"
#include "request/freshness.h"
#include "request/trace_context.h"
#include "tensor/tensor.h"

namespace saccade::request {

struct InferenceRequest {
  base::Uuid id;                       // ours, unique, ordered by time
  std::string client_id;               // the caller's own id, echoed; empty where none was given
  std::vector<tensor::Tensor> inputs;  // in the order of the model's signature
  std::int64_t batch = 1;              // items carried (the first dimension where the model batches)
  std::shared_ptr<const std::atomic<bool>> caller_gone;  // may be null: the caller can't leave
  std::shared_ptr<const Caller> caller;                  // may be null: nobody said who asks
  std::shared_ptr<Trace> trace;                          // null: it belongs to none
  base::TimePoint arrived{};

  std::uint64_t priority = 0;                         // 1 is served first; 0: the model's default level
  base::Duration queue_timeout{0};                    // longest wait for a run; 0: as the model says
  base::TimePoint deadline = base::TimePoint::max();  // an answer after it is of no use to the caller
  // Whether the caller would rather be told at once that the deadline can't be kept than wait for it in vain.
  bool refuse_early = true;
  CacheWishes cache;  // looked at where the model's answers are cached
};

// Where the time of one request went. All parts end to end make up what the caller waited inside the server.
struct Timings {
  base::TimePoint queued{};        // handed to the scheduler
  base::TimePoint batched{};       // taken into a batch
  base::TimePoint run_started{};   // inputs joined
  base::TimePoint run_finished{};  // the model has answered
  base::TimePoint answered{};      // the outputs were dealt out to the requests
  std::int64_t batch_size = 0;     // items in the run that it shared
};

// Whatever owns the memory behind a run's outputs; shared by the answers that came out of one batch.
class OutputOwner {
 public:
  virtual ~OutputOwner() = default;
};

struct InferenceResponse {
  std::vector<tensor::TensorView> outputs;  // in the order of the signature; this request's rows alone
  std::shared_ptr<const OutputOwner> owner;
  Timings timings;  // empty: the model was not asked
  Freshness freshness;
};

}  // namespace saccade::request
