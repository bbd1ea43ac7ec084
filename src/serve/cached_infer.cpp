#include "serve/cached_infer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/hex.h"
#include "cache/answer_codec.h"

namespace saccade::serve {
namespace {

using cache::StoredAnswer;

// A larger answer costs Redis and the way there more than it saves.
constexpr std::size_t kLargestShared = std::size_t{1} << 20;
// Of what nobody waits for.
constexpr base::Duration kStoreTimeout = std::chrono::seconds(1);

// Who may not share answers with others has a part of the cache of its own.
std::string_view partition_of(const request::InferenceRequest& request) {
  return request.caller == nullptr || request.caller->shares_cache ? std::string_view()
                                                                   : std::string_view(request.caller->name);
}

// Readable, so that an operator can tell a model's answers from another's.
std::string redis_key(const request::ModelSignature& model, const cache::Key& key) {
  return "saccade:cache:" + model.name + ":" + model.version + ":" + base::hex(cache::bytes_of(key.digest));
}

}  // namespace

// Belongs to its loop; others hold it and know its loop, no more.
struct CachedInfer::Asked {
  const ModelPointer model;
  request::InferenceRequest request;
  runtime::EventLoop& loop;
  schedule::Done done;  // null: answered
  const request::CacheWishes wishes;
  const cache::Key key;
  base::Duration in_cache;  // that looking took
  const std::int64_t items;
  const base::TimePoint arrived;
  std::unique_ptr<runtime::Timer> deadline = nullptr;

  bool open() const { return static_cast<bool>(done); }
  bool caller_gone() const {
    return request.caller_gone != nullptr && request.caller_gone->load(std::memory_order_relaxed);
  }
  bool takes(const StoredAnswer& answer, base::TimePoint now) const {
    return now - answer.made() <= wishes.oldest;
  }
  void finish(base::Result<request::InferenceResponse> response) {
    deadline.reset();
    std::exchange(done, nullptr)(std::move(response));
  }
  void finish_with(const cache::AnswerPointer& answer) {
    model->count_cache_hit(items, arrived, in_cache);
    finish(StoredAnswer::respond(answer, base::now()));
  }
};

CachedInfer::CachedInfer(const cache::Settings& settings, observe::Registry& registry, redis::Client* redis,
                         Run run)
    : settings_(settings),
      metrics_(registry),
      memory_(settings.memory_bytes, metrics_),
      redis_(redis),
      run_(std::move(run)) {}

CachedInfer::~CachedInfer() = default;

void CachedInfer::infer(const ModelPointer& model, request::InferenceRequest request,
                        runtime::EventLoop& loop, schedule::Done done) {
  const request::CacheWishes wishes = request.cache;
  if (!wishes.look_up) metrics_.bypassed.add();
  if (!wishes.look_up && !wishes.store) return run_(model, std::move(request), loop, std::move(done));

  const base::TimePoint began = base::now();
  const cache::Key key = key_of(*model->cache_identity(), request, partition_of(request));
  const cache::AnswerPointer found = wishes.look_up ? memory_.find(key, began) : nullptr;
  if (found != nullptr && began - found->made() <= wishes.oldest) {
    const base::TimePoint now = base::now();
    metrics_.memory_hits.add();
    model->count_cache_hit(request.batch, request.arrived, now - began);
    return done(StoredAnswer::respond(found, now));
  }

  const std::int64_t items = request.batch;
  const base::TimePoint arrived = request.arrived;
  const auto asked = std::make_shared<Asked>(Asked{.model = model,
                                                   .request = std::move(request),
                                                   .loop = loop,
                                                   .done = std::move(done),
                                                   .wishes = wishes,
                                                   .key = key,
                                                   .in_cache = base::now() - began,
                                                   .items = items,
                                                   .arrived = arrived});
  if (!wishes.look_up) return run(asked, Flight::kAlone);
  if (wishes.only_if_cached) return lead(asked, Flight::kAlone);
  if (!flights_.lead_or_wait(key, asked)) return wait(asked);
  lead(asked, Flight::kLeads);
}

// On its loop, which is where those it waits for will find it.
void CachedInfer::wait(const AskedPointer& asked) {
  if (asked->request.deadline == base::TimePoint::max()) return;
  asked->deadline = std::make_unique<runtime::Timer>(asked->loop);
  asked->deadline->set(asked->request.deadline, [asked] {
    if (!asked->open()) return;
    asked->model->count_expired(asked->arrived);
    asked->finish(base::fail(base::Code::kDeadlineExceeded,
                             "the request's deadline passed while an equal one was running"));
  });
}

void CachedInfer::lead(const AskedPointer& asked, Flight flight) {
  // Another may have landed between the first look and this one's turn.
  const base::TimePoint now = base::now();
  const cache::AnswerPointer found = flight == Flight::kLeads ? memory_.find(asked->key, now) : nullptr;
  if (found != nullptr && asked->takes(*found, now)) {
    share(asked->key, found);
    metrics_.memory_hits.add();
    return asked->finish_with(found);
  }
  if (redis_ != nullptr && asked->model->cache_identity()->shared) return look_in_redis(asked, flight);
  run(asked, flight);
}

void CachedInfer::look_in_redis(const AskedPointer& asked, Flight flight) {
  const base::TimePoint began = base::now();
  const base::Duration left = asked->request.deadline - began;
  const base::Duration longest = std::clamp<base::Duration>(left, base::Duration{0}, settings_.redis_timeout);
  redis_->command({"GET", redis_key(*asked->model->signature(), asked->key)}, longest, asked->loop,
                  [this, asked, flight, began](const base::Result<redis::Reply>& reply) {
                    asked->in_cache += base::now() - began;
                    const cache::AnswerPointer answer = read(reply, *asked);
                    if (answer == nullptr || !asked->takes(*answer, base::now())) return run(asked, flight);
                    memory_.insert(asked->key, answer, base::now());
                    metrics_.redis_hits.add();
                    if (flight == Flight::kLeads) share(asked->key, answer);
                    asked->finish_with(answer);
                  });
}

// Null where Redis has none that this model could have given.
cache::AnswerPointer CachedInfer::read(const base::Result<redis::Reply>& reply, const Asked& asked) {
  if (reply && reply->kind == redis::Reply::Kind::kNil) return nullptr;
  if (reply && reply->kind == redis::Reply::Kind::kText) {
    auto answer = cache::decode_answer(reply->text, *asked.model->signature(), cache::Moment::now(),
                                       settings_.lifetime);
    if (answer) return *std::move(answer);
  }
  metrics_.redis_failures.add();
  return nullptr;
}

void CachedInfer::run(const AskedPointer& asked, Flight flight) {
  if (asked->wishes.only_if_cached) {
    return asked->finish(base::fail(base::Code::kDeadlineExceeded,
                                    "there is no stored answer, and only-if-cached asks for no other"));
  }
  if (asked->wishes.look_up) metrics_.misses.add();
  run_(asked->model, std::move(asked->request), asked->loop,
       [this, asked, flight](base::Result<request::InferenceResponse> response) {
         landed(asked, flight, std::move(response));
       });
}

void CachedInfer::landed(const AskedPointer& asked, Flight flight,
                         base::Result<request::InferenceResponse> response) {
  if (!response) {
    const base::Code code = response.error().code;
    if (flight == Flight::kLeads) {
      // The first two are the leader's own affair.
      const bool own = code == base::Code::kCancelled || code == base::Code::kDeadlineExceeded;
      own ? pass_on(asked->key) : scatter(asked->key);
    }
    return asked->finish(std::move(response));
  }
  const base::TimePoint now = base::now();
  const cache::AnswerPointer answer = StoredAnswer::copy_of(*response, now, settings_.lifetime);
  if (asked->wishes.store) keep(*asked, answer);
  if (flight == Flight::kLeads) share(asked->key, answer);
  asked->model->count_cache_miss(asked->in_cache + (base::now() - now));
  response->freshness = {.lifetime = settings_.lifetime, .age = base::Duration{0}, .hit = false};
  asked->finish(std::move(response));
}

void CachedInfer::keep(const Asked& asked, const cache::AnswerPointer& answer) {
  memory_.insert(asked.key, answer, base::now());
  if (redis_ == nullptr || !asked.model->cache_identity()->shared || answer->bytes() > kLargestShared) return;
  if (!redis_->connected()) return;
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(answer->lifetime()).count();
  redis_->command({"SET", redis_key(*asked.model->signature(), asked.key),
                   cache::encode_answer(*answer, cache::Moment::now()), "PX",
                   std::to_string(std::max<std::int64_t>(millis, 1))},
                  kStoreTimeout, [](const base::Result<redis::Reply>&) {});
}

void CachedInfer::share(const cache::Key& key, const cache::AnswerPointer& answer) {
  for (AskedPointer& waiting : flights_.land(key)) {
    runtime::EventLoop& loop = waiting->loop;
    loop.post([this, waiting = std::move(waiting), answer] {
      if (!waiting->open()) return;
      if (!waiting->takes(*answer, base::now())) return run(waiting, Flight::kAlone);
      metrics_.coalesced.add();
      waiting->finish_with(answer);
    });
  }
}

void CachedInfer::pass_on(const cache::Key& key) {
  std::optional<AskedPointer> next = flights_.promote(key);
  if (!next) return;
  runtime::EventLoop& loop = (*next)->loop;
  loop.post([this, next = *std::move(next)] {
    if (!next->open()) return pass_on(next->key);
    if (next->caller_gone()) {
      pass_on(next->key);
      return next->finish(base::fail(base::Code::kCancelled, "the caller has gone"));
    }
    next->deadline.reset();  // from here on it is kept by who runs it
    lead(next, Flight::kLeads);
  });
}

void CachedInfer::scatter(const cache::Key& key) {
  for (AskedPointer& waiting : flights_.land(key)) {
    runtime::EventLoop& loop = waiting->loop;
    loop.post([this, waiting = std::move(waiting)] {
      if (!waiting->open()) return;
      waiting->deadline.reset();
      run(waiting, Flight::kAlone);
    });
  }
}

}  // namespace saccade::serve
