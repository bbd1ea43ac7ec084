// The counts of rate limits in Redis, where all replicas see them: GCRA again, in a script that Redis runs as
// one step, by Redis' own clock.
//
// A key is saccade:limit:RULE:WHO and holds the theoretical arrival time; it ends when the count is full
// again. Safe from every loop.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "limit/rule.h"
#include "redis/client.h"
#include "runtime/event_loop.h"

namespace saccade::limit {

class SharedCounts {
 public:
  // `longest_wait`: of a call, for Redis.
  SharedCounts(redis::Client& client, base::Duration longest_wait)
      : client_(client), longest_wait_(longest_wait) {}

  struct Count {
    std::string key;
    Rate rate;
  };
  struct Answer {
    bool allowed = false;
    std::vector<base::Duration>
        ahead;  // of each count: of its theoretical arrival time; after the call, if let in
  };
  using Answered = std::move_only_function<void(base::Result<Answer>)>;

  bool available() const { return client_.connected(); }
  // One call, counted by all counts if each of them lets it in, else by none. `answered` is called on `loop`,
  // once, at the latest when the longest wait is over; perhaps from here.
  void take(std::vector<Count> counts, runtime::EventLoop& loop, Answered answered);

 private:
  redis::Client& client_;
  const base::Duration longest_wait_;
};

}  // namespace saccade::limit
