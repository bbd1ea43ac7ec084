// Answers in memory, bounded in bytes, each with an end of its own.
//
// What leaves is chosen by S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache
// eviction", SOSP 2023): a newcomer has to be asked for twice while it passes a small queue of a tenth of the
// room, else it goes before it has cost anything that is in use, so a scan leaves the rest where it was. Who
// went is remembered for a while, and goes to the main queue when it comes again.
//
// Cut into parts with a lock each, so that loops hardly meet. Safe from any thread; the time is handed in.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "cache/key.h"
#include "cache/metrics.h"
#include "cache/stored_answer.h"

namespace saccade::cache {

class MemoryTier {
 public:
  // What an answer costs beside its outputs, and one that is only remembered.
  static constexpr std::size_t kEntryBytes = 256;
  static constexpr std::size_t kGhostBytes = 80;

  // `shards`: 0: as many as suit the capacity.
  MemoryTier(std::size_t capacity_bytes, Metrics& metrics, std::size_t shards = 0);
  ~MemoryTier();

  // Null where there is none that is still good.
  AnswerPointer find(const Key& key, base::TimePoint now);
  // In place of what was there under this key. An answer that is larger than a part of the cache, or has
  // ended, is not kept.
  void insert(const Key& key, AnswerPointer answer, base::TimePoint now);

  // Of all parts; never more than the capacity.
  std::size_t bytes() const;
  std::size_t entries() const;

 private:
  class Shard;
  Shard& shard_of(std::size_t hash) { return *shards_[(hash >> 40) % shards_.size()]; }

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace saccade::cache
