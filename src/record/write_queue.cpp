#include "record/write_queue.h"

#include <algorithm>
#include <utility>

namespace saccade::record {
namespace {

// About two megabytes, and what gathers between two commits at 100,000 rows/s.
constexpr std::size_t kSpareChunks = 128;

std::size_t weigh(const Prediction& prediction) {
  const std::size_t feedback =
      prediction.feedback == nullptr
          ? 0
          : prediction.feedback->feedback.truth.size() + prediction.feedback->feedback.comment.size();
  return sizeof(Row) + prediction.client_id.size() + prediction.result.size() + prediction.input.size() +
         feedback;
}

}  // namespace

WriteQueue::WriteQueue(const QueueLimits& limits)
    : limits_{
          .capacity = std::max<std::size_t>(limits.capacity, 1),
          .max_bytes = limits.max_bytes,
          // a full queue is always worth a commit
          .batch_rows = std::clamp<std::size_t>(limits.batch_rows, 1, std::max<std::size_t>(limits.capacity, 1)),
          .batch_bytes = std::min(limits.batch_bytes, limits.max_bytes),
      },
      last_take_(base::now()) {}

// ---- producers

WriteQueue::Entry WriteQueue::push(Prediction&& prediction, Wait wait, PredictionLog::Done& done) {
  if (closed_.load()) return Entry::kClosed;
  Row row{.prediction = std::move(prediction), .wait = wait, .done = {}, .bytes = 0};
  row.bytes = weigh(row.prediction);
  const bool behind_others = wait != Wait::kNothing && overflow_rows_.load() > 0;
  if (behind_others || !reserve(row.bytes)) {
    if (wait == Wait::kNothing) return Entry::kFull;
    row.done = std::move(done);
    const Entry entry = wait_in_overflow(row);
    if (entry == Entry::kClosed) done = std::move(row.done);
    return entry;
  }
  if (closed_.load()) {  // after the reservation: now the writer either sees it or has closed before
    unreserve(1, row.bytes);
    prediction = std::move(row.prediction);
    return Entry::kClosed;
  }
  PredictionLog::Done accepted;
  if (wait == Wait::kAccepted) {
    accepted = std::move(done);
  } else if (wait == Wait::kStored) {
    row.done = std::move(done);
  }
  enter(std::move(row));
  if (accepted) accepted({});
  return Entry::kEntered;
}

bool WriteQueue::reserve(std::size_t bytes) {
  if (bytes_.load() >= limits_.max_bytes) return false;
  std::size_t rows = rows_.load();
  do {
    if (rows >= limits_.capacity) return false;
  } while (!rows_.compare_exchange_weak(rows, rows + 1));
  bytes_.fetch_add(bytes);
  return true;
}

void WriteQueue::unreserve(std::size_t rows, std::size_t bytes) {
  bytes_.fetch_sub(bytes);
  rows_.fetch_sub(rows);
}

void WriteQueue::enter(Row&& row) {
  Cell& cell = cells_[observe::own_cell()];
  {
    const std::lock_guard lock(cell.mutex);
    if (row.wait == Wait::kStored) {
      ++cell.waiters;
      waiters_.fetch_add(1);
    }
    if (cell.chunks.empty() || cell.chunks.back().size() == kChunkRows) {
      cell.chunks.push_back(fresh_chunk());
    }
    cell.chunks.back().push_back(std::move(row));
  }
  ring_if_wanted();
}

Chunk WriteQueue::fresh_chunk() {
  Chunk chunk;
  {
    const std::lock_guard lock(spare_mutex_);
    if (!spare_.empty()) {
      chunk = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  chunk.reserve(kChunkRows);
  return chunk;
}

WriteQueue::Entry WriteQueue::wait_in_overflow(Row& row) {
  PredictionLog::Done accepted;
  {
    const std::lock_guard lock(overflow_mutex_);
    if (closed_.load()) return Entry::kClosed;
    // The writer gives places away under this lock: a row that finds none here is seen by the next release().
    if (overflow_.empty() && reserve(row.bytes)) {
      if (row.wait == Wait::kAccepted) accepted = std::move(row.done);
      enter(std::move(row));
    } else {
      if (row.wait == Wait::kStored) waiters_.fetch_add(1);
      overflow_.push_back(std::move(row));
      overflow_rows_.store(overflow_.size());
    }
  }
  ring_if_wanted();
  if (accepted) accepted({});
  return Entry::kEntered;
}

void WriteQueue::close() {
  closed_.store(true);
  const std::lock_guard lock(bell_mutex_);
  bell_.notify_one();
}

bool WriteQueue::batch_gathered() const {
  return rows_.load() >= limits_.batch_rows || bytes_.load() >= limits_.batch_bytes;
}

bool WriteQueue::worth_waking(Sleep sleep) const {
  switch (sleep) {
    case Sleep::kAwake:
      return false;
    case Sleep::kForAnyRow:
      return rows_.load() > 0;
    case Sleep::kForBatch:
      return urgent() || batch_gathered();
    case Sleep::kForWaiter:
      return urgent();
  }
  return false;
}

void WriteQueue::ring_if_wanted() {
  Sleep sleep = sleep_.load();
  if (!worth_waking(sleep)) return;
  // Only one of the producers that see the same sleep rings.
  if (!sleep_.compare_exchange_strong(sleep, Sleep::kAwake)) return;
  const std::lock_guard lock(bell_mutex_);
  bell_.notify_one();
}

// ---- the writer

void WriteQueue::sleep(Sleep reason, base::TimePoint until) {
  std::unique_lock lock(bell_mutex_);
  while (true) {
    sleep_.store(reason);
    if (closed_.load() || worth_waking(reason)) break;
    if (bell_.wait_until(lock, until) == std::cv_status::timeout) break;
  }
  sleep_.store(Sleep::kAwake);
}

void WriteQueue::wait_for_batch(base::Duration flush_interval, base::TimePoint idle_until) {
  base::TimePoint first = last_take_;
  if (rows_.load() == 0) {
    sleep(Sleep::kForAnyRow, idle_until);
    if (rows_.load() == 0) return;
    first = base::now();
  }
  sleep(Sleep::kForBatch, first + flush_interval);
}

void WriteQueue::wait_for_waiter(base::TimePoint until) {
  sleep(Sleep::kForWaiter, until);
}

void WriteQueue::take(std::deque<Chunk>& taken) {
  last_take_ = base::now();
  for (Cell& cell : cells_) {
    std::vector<Chunk> chunks;
    {
      const std::lock_guard lock(cell.mutex);
      chunks.swap(cell.chunks);
      waiters_.fetch_sub(std::exchange(cell.waiters, 0));
    }
    for (Chunk& chunk : chunks) taken.push_back(std::move(chunk));
  }
}

void WriteQueue::recycle(Chunk&& chunk) {
  chunk.clear();
  const std::lock_guard lock(spare_mutex_);
  if (spare_.size() < kSpareChunks) spare_.push_back(std::move(chunk));
}

void WriteQueue::release(std::size_t rows, std::size_t bytes) {
  unreserve(rows, bytes);
  if (overflow_rows_.load() > 0) admit_overflow();
}

void WriteQueue::admit_overflow() {
  std::vector<PredictionLog::Done> accepted;
  {
    const std::lock_guard lock(overflow_mutex_);
    while (!overflow_.empty() && reserve(overflow_.front().bytes)) {
      Row row = std::move(overflow_.front());
      overflow_.pop_front();
      if (row.wait == Wait::kAccepted && row.done) accepted.push_back(std::move(row.done));
      const bool waited_for = row.wait == Wait::kStored;
      enter(std::move(row));
      if (waited_for) waiters_.fetch_sub(1);  // counted again by enter()
    }
    overflow_rows_.store(overflow_.size());
  }
  for (PredictionLog::Done& done : accepted) done({});
}

std::vector<Row> WriteQueue::take_overflow(bool only_waiters) {
  std::vector<Row> out;
  const std::lock_guard lock(overflow_mutex_);
  std::deque<Row> rest;
  for (Row& row : overflow_) {
    if (row.wait == Wait::kStored) {
      waiters_.fetch_sub(1);
    } else if (only_waiters) {
      rest.push_back(std::move(row));
      continue;
    }
    out.push_back(std::move(row));
  }
  overflow_.swap(rest);
  overflow_rows_.store(overflow_.size());
  return out;
}

bool WriteQueue::empty() {
  const std::lock_guard lock(overflow_mutex_);
  return overflow_.empty() && rows_.load() == 0;
}

}  // namespace saccade::record
