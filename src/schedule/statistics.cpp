#include "schedule/statistics.h"

#include <algorithm>

namespace saccade::schedule {
namespace {

std::uint64_t nanoseconds(base::Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

void add(request::DurationSum& sum, std::uint64_t count, std::uint64_t time) {
  sum.count += count;
  sum.nanoseconds += time;
}

}  // namespace

StatisticsSheet::StatisticsSheet() = default;

StatisticsSheet::~StatisticsSheet() {
  for (const auto& chunk : chunks_) delete chunk.load();
}

void StatisticsSheet::answered(const request::Timings& timings, base::TimePoint arrived, std::int64_t items) {
  const base::TimePoint begin = arrived == base::TimePoint{} ? timings.queued : arrived;
  requests_.add(1);
  items_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(items, 0)));
  total_.add(nanoseconds(timings.answered - begin));
  queue_.add(nanoseconds(timings.batched - timings.queued));
  input_.add(nanoseconds(timings.run_started - timings.batched));
  infer_.add(nanoseconds(timings.run_finished - timings.run_started));
  output_.add(nanoseconds(timings.answered - timings.run_finished));
  last_answered_.set(static_cast<std::uint64_t>(timings.answered.time_since_epoch().count()));
}

void StatisticsSheet::ran(std::int64_t items, base::Duration input, base::Duration infer,
                          base::Duration output) {
  runs_.add(1);
  const auto place = static_cast<std::size_t>(std::max<std::int64_t>(items, 1)) - 1;
  if (place >= kChunk * kChunks) return;
  Chunk* chunk = chunks_[place / kChunk].load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = new Chunk;
    chunks_[place / kChunk].store(chunk, std::memory_order_release);
  }
  Batch& batch = (*chunk)[place % kChunk];
  batch.runs.add(1);
  batch.input.add(nanoseconds(input));
  batch.infer.add(nanoseconds(infer));
  batch.output.add(nanoseconds(output));
}

void StatisticsSheet::add_to(request::ModelStatistics& sum, std::int64_t& last_answered) const {
  const std::uint64_t count = requests_.value();
  sum.inference_count += items_.value();
  sum.execution_count += runs_.value();
  add(sum.success, count, total_.value());
  add(sum.queue, count, queue_.value());
  add(sum.compute_input, count, input_.value());
  add(sum.compute_infer, count, infer_.value());
  add(sum.compute_output, count, output_.value());
  last_answered = std::max(last_answered, static_cast<std::int64_t>(last_answered_.value()));
}

void StatisticsSheet::add_batches_to(std::vector<request::BatchStatistics>& batches) const {
  for (std::size_t i = 0; i < kChunks; ++i) {
    const Chunk* chunk = chunks_[i].load(std::memory_order_acquire);
    if (chunk == nullptr) continue;
    for (std::size_t j = 0; j < kChunk; ++j) {
      const Batch& figures = (*chunk)[j];
      const std::uint64_t runs = figures.runs.value();
      if (runs == 0) continue;
      const std::uint64_t size = i * kChunk + j + 1;
      auto batch = std::ranges::lower_bound(batches, size, {}, &request::BatchStatistics::batch_size);
      if (batch == batches.end() || batch->batch_size != size) {
        batch = batches.emplace(batch);
        batch->batch_size = size;
      }
      add(batch->compute_input, runs, figures.input.value());
      add(batch->compute_infer, runs, figures.infer.value());
      add(batch->compute_output, runs, figures.output.value());
    }
  }
}

StatisticsSheet& Statistics::add_sheet() {
  const std::lock_guard lock(mutex_);
  return *sheets_.emplace_back(std::make_unique<StatisticsSheet>());
}

void Statistics::failed(base::Duration after) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  failure_time_.fetch_add(nanoseconds(after), std::memory_order_relaxed);
}

void Statistics::cache_hit(std::int64_t items, base::Duration after, base::Duration in_cache) {
  hits_.add();
  hit_items_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(items, 0)));
  hit_time_.add(nanoseconds(after));
  hit_cache_time_.add(nanoseconds(in_cache));
  last_hit_.store(base::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void Statistics::cache_miss(base::Duration in_cache) {
  misses_.add();
  miss_cache_time_.add(nanoseconds(in_cache));
}

// As Triton counts them: hits are successes and have their items, but no run and no time in the model.
void Statistics::add_cache(request::ModelStatistics& sum) const {
  const std::uint64_t hits = hits_.value();
  sum.inference_count += hit_items_.value();
  add(sum.success, hits, hit_time_.value());
  add(sum.queue, hits, 0);
  add(sum.cache_hit, hits, hit_cache_time_.value());
  add(sum.cache_miss, misses_.value(), miss_cache_time_.value());
}

request::ModelStatistics Statistics::totals_locked() const {
  request::ModelStatistics sum;
  std::int64_t last_answered = last_hit_.load(std::memory_order_relaxed);
  for (const auto& sheet : sheets_) sheet->add_to(sum, last_answered);
  add_cache(sum);
  add(sum.fail, failures_.load(std::memory_order_relaxed), failure_time_.load(std::memory_order_relaxed));
  if (last_answered > 0) {
    const std::int64_t ago = base::now().time_since_epoch().count() - last_answered;
    sum.last_inference_ms =
        static_cast<std::uint64_t>(base::unix_micros() / 1'000 - std::max<std::int64_t>(ago, 0) / 1'000'000);
  }
  return sum;
}

request::ModelStatistics Statistics::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_locked();
}

request::ModelStatistics Statistics::sum() const {
  const std::lock_guard lock(mutex_);
  request::ModelStatistics sum = totals_locked();
  for (const auto& sheet : sheets_) sheet->add_batches_to(sum.batches);
  return sum;
}

}  // namespace saccade::schedule
