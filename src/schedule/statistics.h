// What one loaded copy of a model version has done since it was loaded: what the protocol's statistics say.
//
// Where requests run it costs a few plain additions: each runner has a sheet that it alone writes, and
// whoever asks adds the sheets up. A reader may see a request counted whose parts are not, never a torn
// number.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "observe/metrics.h"
#include "request/inference_request.h"
#include "request/model_statistics.h"

namespace saccade::schedule {

// A figure with one writer at a time; read from any thread.
class Figure {
 public:
  void add(std::uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Of one runner; one thread at a time writes.
class alignas(64) StatisticsSheet {
 public:
  StatisticsSheet();
  ~StatisticsSheet();
  StatisticsSheet(const StatisticsSheet&) = delete;
  StatisticsSheet& operator=(const StatisticsSheet&) = delete;

  // A request that got its outputs; `arrived` may be not said.
  void answered(const request::Timings& timings, base::TimePoint arrived, std::int64_t items);
  // A run, whatever came of it, of `items` items.
  void ran(std::int64_t items, base::Duration input, base::Duration infer, base::Duration output);

  void add_to(request::ModelStatistics& sum, std::int64_t& last_answered) const;
  void add_batches_to(std::vector<request::BatchStatistics>& batches) const;

 private:
  struct Batch {
    Figure runs, input, infer, output;
  };
  static constexpr std::size_t kChunk = 32;
  static constexpr std::size_t kChunks = 512;
  using Chunk = std::array<Batch, kChunk>;

  Figure requests_, items_, runs_;
  Figure total_, queue_, input_, infer_, output_;  // nanoseconds
  Figure last_answered_;                           // on the steady clock
  // Batch sizes from 1 on, `kChunk` to a chunk, made when the first of them occurs. Sizes beyond them count
  // with the figures above only.
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
};

class Statistics {
 public:
  // For a runner, as long as this lives.
  StatisticsSheet& add_sheet();
  // A request that got no outputs, after so long. Rare; from any thread.
  void failed(base::Duration after);
  // A request that was answered without a run, from the response cache: so long after it came, and so long in
  // the cache. From any thread.
  void cache_hit(std::int64_t items, base::Duration after, base::Duration in_cache);
  // One that ran, as the cache had no answer for it.
  void cache_miss(base::Duration in_cache);

  // All but the name and the version.
  request::ModelStatistics sum() const;
  // The same without the figures of each batch size.
  request::ModelStatistics totals() const;

 private:
  request::ModelStatistics totals_locked() const;
  void add_cache(request::ModelStatistics& sum) const;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<StatisticsSheet>> sheets_;  // guarded by mutex_; what they hold is not
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> failure_time_{0};  // nanoseconds
  // Loops count these side by side.
  observe::Counter hits_, hit_items_, hit_time_, hit_cache_time_;
  observe::Counter misses_, miss_cache_time_;
  std::atomic<std::int64_t> last_hit_{0};  // on the steady clock
};

}  // namespace saccade::schedule
