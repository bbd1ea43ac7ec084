#include "record/log_writer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "observe/log.h"
#include "record/thread_start.h"

namespace saccade::record {
namespace {

// One transaction's most: a few milliseconds, so that a row whose commit is waited for comes up soon.
constexpr std::size_t kGroupRows = 4'096;
constexpr std::size_t kGroupBytes = 8 << 20;
// Where nobody waits for it, a transaction's work is done in pieces of 0.1 to 0.2 ms: a loop that wakes up on
// the writer's core would else wait for the rest of the kernel's time slice, and its requests with it.
constexpr std::size_t kPieceRows = 32;
constexpr auto kRest = std::chrono::microseconds(300);
// Feedback that waits for its prediction is tried so often; no more of it may wait than this.
constexpr auto kFeedbackInterval = std::chrono::milliseconds(50);
constexpr std::size_t kMostWaitingFeedback = 4'096;
constexpr auto kReportInterval = std::chrono::seconds(5);

}  // namespace

LogWriter::LogWriter(WriterOptions options, std::unique_ptr<LogStore> store,
                     std::shared_ptr<WriteQueue> queue, LogMetrics& metrics)
    : options_(options),
      queue_(std::move(queue)),
      metrics_(metrics),
      store_(std::move(store)),
      losses_reported_(metrics.lost_full.value()),
      thread_([this] { run(); }) {}

void LogWriter::join() {
  if (thread_.joinable()) thread_.join();
}

void LogWriter::run() {
  begin_thread("prediction-log");
  maintain();
  do {
    wait();
    queue_->take(pending_);
    if (pending_.empty() && queue_->rows() > 0)
      std::this_thread::yield();  // a producer is between count and cell
    if (may_try()) {
      store_pending();
    } else {
      refuse_waiters();
    }
    report_losses(base::now());
    maintain();
  } while (!finished());
  store_->close();
}

void LogWriter::wait() {
  const base::TimePoint now = base::now();
  if (trouble_ && now < trouble_->retry_at) {
    queue_->wait_for_waiter(trouble_->retry_at);
  } else if (pending_.empty()) {
    if (store_->tidying()) {
      queue_->wait_for_batch(base::Duration(0), now);
    } else if (!waiting_.empty()) {
      queue_->wait_for_batch(options_.flush_interval, now + kFeedbackInterval);
    } else {
      queue_->wait_for_batch(options_.flush_interval, now + options_.look_interval);
    }
  }
}

bool LogWriter::may_try() const {
  return !trouble_ || base::now() >= trouble_->retry_at;
}

// ---- storing

void LogWriter::store_pending() {
  if (pending_.empty() && !waiting_.empty() && store_->open()) (void)insert_feedback({});
  while (!pending_.empty()) {
    if (const base::Status stored = store_group(next_group()); !stored) {
      metrics_.failed_commits.add();
      begin_trouble(stored.error());
      refuse_waiters();
      return;
    }
    end_trouble();
  }
}

// How many of the pending chunks make the next transaction. Where the store has no room for the first of them
// it is split: a row that fits must not wait for one that does not.
std::size_t LogWriter::next_group() {
  const std::size_t room = store_->room();
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::size_t chunks = 0;
  while (chunks < pending_.size() && rows < kGroupRows && bytes < kGroupBytes) {
    Chunk& chunk = pending_[chunks];
    std::size_t fitting = 0;
    while (fitting < chunk.size() && chunk[fitting].bytes <= room - bytes) bytes += chunk[fitting++].bytes;
    rows += fitting;
    if (fitting < chunk.size()) {
      if (rows > 0 && fitting == 0) break;
      const std::size_t first = std::max<std::size_t>(fitting, 1);
      if (first < chunk.size()) split_chunk(chunks, first);
      return chunks + 1;
    }
    ++chunks;
  }
  return chunks;
}

// The first `rows` of a pending chunk become one of their own, before what is left.
void LogWriter::split_chunk(std::size_t at, std::size_t rows) {
  const auto place = pending_.begin() + static_cast<std::ptrdiff_t>(at);
  const auto end = place->begin() + static_cast<std::ptrdiff_t>(rows);
  Chunk first(std::make_move_iterator(place->begin()), std::make_move_iterator(end));
  place->erase(place->begin(), end);
  pending_.insert(place, std::move(first));
}

base::Status LogWriter::store_group(std::size_t chunks) {
  if (auto opened = store_->open(); !opened) return opened;
  std::vector<Row*> rows;
  std::vector<Row*> feedback;
  std::size_t bytes = 0;
  bool waited_for = false;
  for (std::size_t i = 0; i < chunks; ++i) {
    for (Row& row : pending_[i]) {
      (row.prediction.feedback ? feedback : rows).push_back(&row);
      bytes += row.bytes;
      waited_for |= row.done != nullptr;
    }
  }
  const std::size_t places = rows.size() + feedback.size();
  if (auto inserted = insert_rows(rows, waited_for); !inserted) return inserted;
  if (!feedback.empty() || !waiting_.empty()) {
    // The rows are stored; a failure here is answered to those who gave the feedback, who may give it again.
    if (auto inserted = insert_feedback(feedback); !inserted) {
      for (Row* row : feedback) std::exchange(row->done, {})(std::unexpected(inserted.error()));
    }
  }
  queue_->release(places, bytes);  // before the answers: who has one may count on the place
  for (Row* row : rows) {
    if (row->done) row->done({});
  }
  for (; chunks > 0; --chunks) {
    queue_->recycle(std::move(pending_.front()));
    pending_.pop_front();
  }
  return {};
}

// After success those that were refused have been told so.
base::Status LogWriter::insert_rows(std::vector<Row*>& rows, bool waited_for) {
  if (rows.empty()) return {};
  // Producers' rows come one producer after the other: in the order of ids each goes to the end of the table.
  std::ranges::sort(rows, {}, [](const Row* row) { return row->prediction.id; });
  std::vector<const Prediction*> predictions;
  predictions.reserve(rows.size());
  for (const Row* row : rows) predictions.push_back(&row->prediction);

  const base::TimePoint began = base::now();
  std::size_t stored = 0;
  const auto refused = store_->insert(predictions, [&] {
    if (++stored % kPieceRows == 0 && !waited_for && !queue_->hurried()) std::this_thread::sleep_for(kRest);
  });
  if (!refused) return std::unexpected(refused.error());
  metrics_.commit_duration.observe(base::now() - began);
  metrics_.rows.add(rows.size() - refused->size());
  for (const auto& [place, error] : *refused) {
    metrics_.lost_refused.add();
    if (rows[place]->done) std::exchange(rows[place]->done, {})(std::unexpected(error));
  }
  if (!refused->empty()) {
    observe::log_warning("{} (and {} more rows of the same commit not stored)",
                         refused->front().second.message, refused->size() - 1);
  }
  return {};
}

// ---- feedback

base::Status LogWriter::insert_feedback(const std::vector<Row*>& rows) {
  std::vector<std::shared_ptr<PendingFeedback>> all = std::exchange(waiting_, {});
  for (Row* row : rows) all.push_back(row->prediction.feedback);
  std::vector<const Feedback*> given;
  given.reserve(all.size());
  for (const auto& pending : all) given.push_back(&pending->feedback);
  auto outcomes = store_->insert_feedback(given);
  if (!outcomes) {
    all.resize(all.size() - rows.size());
    for (const auto& pending : all) pending->done(std::unexpected(outcomes.error()));
    return std::unexpected(outcomes.error());
  }
  for (std::size_t i = 0; i < all.size(); ++i) settle(std::move(all[i]), (*outcomes)[i]);
  for (Row* row : rows) row->done = {};  // settled
  return {};
}

void LogWriter::settle(std::shared_ptr<PendingFeedback> pending, LogStore::Outcome& outcome) {
  if (!outcome) return pending->done(std::unexpected(std::move(outcome.error())));
  if (std::optional<FeedbackOutcome>& stored = *outcome) {
    metrics_.feedback.add();
    return pending->done(std::move(*stored));
  }
  if (base::now() < pending->until && waiting_.size() < kMostWaitingFeedback && !queue_->closed()) {
    waiting_.push_back(std::move(pending));
    return;
  }
  pending->done(base::fail(base::Code::kNotFound, "there is no prediction " + pending->feedback.id.text() +
                                                      " in the log (it may have been deleted, or lost)"));
}

// ---- trouble

void LogWriter::begin_trouble(const base::Error& error) {
  store_->drop();
  const base::TimePoint now = base::now();
  if (!trouble_) {
    trouble_ = Trouble{.error = {}, .since = now, .retry_at = {}, .pause = options_.first_retry};
    observe::log_error("{}; predictions wait in the queue, trying again", error.message);
  } else {
    trouble_->pause = std::min<base::Duration>(trouble_->pause * 2, options_.longest_retry);
  }
  trouble_->error = {base::Code::kUnavailable, "the prediction could not be stored: " + error.message};
  trouble_->retry_at = now + trouble_->pause;
}

void LogWriter::end_trouble() {
  if (!trouble_) return;
  observe::log_warning("{}storing again after {:.1f} s", store_->naming(),
                       base::seconds(base::now() - trouble_->since));
  trouble_.reset();
}

void LogWriter::refuse_waiters() {
  if (trouble_) refuse(true, trouble_->error, metrics_.lost_failed);
}

// Drops what is pending and what waits for a place: all of it, or the rows whose commit somebody waits for.
std::size_t LogWriter::refuse(bool only_waiters, const base::Error& error, observe::Counter& counter) {
  std::vector<Row> refused = queue_->take_overflow(only_waiters);
  std::size_t places = 0;
  std::size_t bytes = 0;
  for (Chunk& chunk : pending_) {
    Chunk kept;
    kept.reserve(kChunkRows);
    for (Row& row : chunk) {
      if (only_waiters && row.wait != Wait::kStored) {
        kept.push_back(std::move(row));
        continue;
      }
      ++places;
      bytes += row.bytes;
      refused.push_back(std::move(row));
    }
    chunk = std::move(kept);
  }
  std::erase_if(pending_, [](const Chunk& chunk) { return chunk.empty(); });
  queue_->release(places, bytes);
  counter.add(static_cast<std::uint64_t>(
      std::ranges::count_if(refused, [](const Row& row) { return row.prediction.feedback == nullptr; })));
  for (Row& row : refused) {
    if (row.done) row.done(std::unexpected(error));
  }
  return refused.size();
}

// ---- between commits

void LogWriter::maintain() {
  const base::Status status = store_->tidy([this] { return queue_->urgent(); });
  if (!status && !maintenance_failed_) observe::log_warning("{} (while tidying up)", status.error().message);
  maintenance_failed_ = !status || (maintenance_failed_ && store_->tidying());
}

void LogWriter::report_losses(base::TimePoint now) {
  if (now < next_report_) return;
  const std::uint64_t lost = metrics_.lost_full.value();
  if (lost == losses_reported_) return;
  observe::log_warning("{}{} predictions were lost because the queue was full", store_->naming(),
                       lost - losses_reported_);
  losses_reported_ = lost;
  next_report_ = now + kReportInterval;
}

// ---- the end

bool LogWriter::finished() {
  if (!queue_->closed()) return false;
  const base::TimePoint now = base::now();
  if (!closing_since_) {
    closing_since_ = now;
    if (trouble_) {  // another try at once, and then many
      trouble_->pause = options_.first_retry;
      trouble_->retry_at = now;
    }
  }
  queue_->release(0, 0);  // whatever waits for a place gets it, should nothing else be left to make room
  if (!pending_.empty() || !queue_->empty()) {
    if (!trouble_) return false;
    const base::TimePoint end = *closing_since_ + options_.close_patience;
    if (now < end) {
      std::this_thread::sleep_until(std::min(trouble_->retry_at, end));
      return false;
    }
    give_up();
  }
  for (const auto& pending : std::exchange(waiting_, {})) {
    pending->done(base::fail(base::Code::kUnavailable, store_->naming() + "is closed"));
  }
  next_report_ = {};
  report_losses(now);
  return true;
}

void LogWriter::give_up() {
  const base::Error error = trouble_ ? trouble_->error : base::Error{};
  std::size_t count = 0;
  do {
    queue_->take(pending_);
    count += refuse(false, error, metrics_.lost_closed);
  } while (!queue_->empty());
  observe::log_error("{}{} predictions were given up at the close: {}", store_->naming(), count,
                     error.message);
}

}  // namespace saccade::record
