// Which calls are let in: the rules, and the counts that they look at.
//
//   auto decision = limiter.take({.caller = name, .address = address, .model = model}, loop, later);
//
// A call is let in if every rule that applies lets it in, and then counts in all of them; a call that is
// refused counts in none. With counts in Redis one limit holds for all replicas. What Redis last said of a
// count is kept here, too: whom it refused is refused from memory until the count can have room again, and
// while Redis is away or slow the limits go on here from where they were, each replica by itself. Safe from
// every loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limit/decision.h"
#include "limit/rule.h"
#include "limit/shared_counts.h"
#include "limit/siphash.h"
#include "limit/table.h"
#include "observe/metrics.h"
#include "runtime/event_loop.h"

namespace saccade::limit {

struct LimiterSettings {
  std::vector<Rule> rules;
  std::size_t room = 65'536;                                   // of each rule's table
  base::Duration longest_wait = std::chrono::milliseconds(5);  // for Redis
};

class Limiter {
 public:
  // `redis`: null where every replica counts for itself. Must outlive this.
  Limiter(LimiterSettings settings, redis::Client* redis, observe::Registry& registry);

  using Later = std::move_only_function<void(Decision)>;
  // Makes what is called later; asked for, during take(), only where there may be a later.
  using Keep = std::function<Later()>;
  // The decision, or none: then what `keep` has made is called with it, once, on `loop`. The views are needed
  // during this call only.
  std::optional<Decision> take(const Call& call, runtime::EventLoop& loop, const Keep& keep);

 private:
  struct Counted {  // a rule that applies to a call, and the call's count in it
    std::size_t rule;
    std::uint64_t key;
    std::string who;  // of the shared count's name; empty where counts are not shared
  };
  std::vector<Counted> applying(const Call& call) const;
  std::optional<Decision> refused_from_memory(const std::vector<Counted>& counted, base::TimePoint now);
  Decision take_here(const std::vector<Counted>& counted, base::TimePoint now);
  void ask(std::vector<Counted> counted, base::TimePoint now, runtime::EventLoop& loop, Later later);
  Decision learn(const std::vector<Counted>& counted, const SharedCounts::Answer& answer,
                 base::TimePoint asked);
  void weigh(Decision& decision, std::size_t rule, base::TimePoint theoretical, base::TimePoint now) const;
  Decision counted_as(Decision decision);

  const LimiterSettings settings_;
  const SipKey key_ = SipKey::random();
  std::vector<std::unique_ptr<Table>> tables_;  // of the rules
  std::vector<observe::Counter*> refused_;      // by the rules
  observe::Counter& allowed_;
  observe::Counter& by_redis_;
  observe::Counter& from_memory_;
  observe::Counter& without_redis_;
  observe::Gauge& falling_back_;
  std::vector<observe::CounterSource> shared_;
  std::unique_ptr<SharedCounts> shared_counts_;  // null: every replica counts for itself
};

}  // namespace saccade::limit
