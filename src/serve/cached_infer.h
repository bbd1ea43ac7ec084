// The response cache's place on a prediction's way: an answer that is kept is given at once; equal requests
// that are under way at the same time are one run; what ran is kept, here and, where there is one, in Redis,
// which several servers share.
//
// Promises: `done` is called once, on the request's loop. A request that waits for another's run keeps its
// own deadline; if that other's caller goes away or its time is over, the next one runs, and if the run fails
// each runs on its own. Redis is waited for no longer than Settings::redis_timeout, and not at all while it
// is away.
//
// Safe from every event loop. It must outlive the loops' work, and the Redis client's.
#pragma once

#include <functional>
#include <memory>

#include "cache/flights.h"
#include "cache/memory_tier.h"
#include "cache/metrics.h"
#include "cache/settings.h"
#include "model/catalog.h"
#include "observe/metrics.h"
#include "redis/client.h"
#include "request/inference_request.h"
#include "runtime/event_loop.h"
#include "schedule/job.h"

namespace saccade::serve {

class CachedInfer {
 public:
  using ModelPointer = model::Catalog::ModelPointer;
  // The way on to the model, for what is in no cache.
  using Run = std::function<void(const ModelPointer&, request::InferenceRequest, runtime::EventLoop&,
                                 schedule::Done)>;

  // `redis` may be null: memory alone.
  CachedInfer(const cache::Settings& settings, observe::Registry& registry, redis::Client* redis, Run run);
  ~CachedInfer();

  // The model has a cache_identity().
  void infer(const ModelPointer& model, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done);

 private:
  struct Asked;  // a request on its way through here
  using AskedPointer = std::shared_ptr<Asked>;
  enum class Flight : bool { kAlone, kLeads };

  void wait(const AskedPointer& asked);
  void lead(const AskedPointer& asked, Flight flight);
  void look_in_redis(const AskedPointer& asked, Flight flight);
  cache::AnswerPointer read(const base::Result<redis::Reply>& reply, const Asked& asked);
  void run(const AskedPointer& asked, Flight flight);
  void landed(const AskedPointer& asked, Flight flight, base::Result<request::InferenceResponse> response);
  void keep(const Asked& asked, const cache::AnswerPointer& answer);
  // What becomes of those who wait: they get this answer; one of them goes on; each goes on alone.
  void share(const cache::Key& key, const cache::AnswerPointer& answer);
  void pass_on(const cache::Key& key);
  void scatter(const cache::Key& key);

  const cache::Settings settings_;
  cache::Metrics metrics_;
  cache::MemoryTier memory_;
  cache::Flights<AskedPointer> flights_;
  redis::Client* const redis_;
  const Run run_;
};

}  // namespace saccade::serve
