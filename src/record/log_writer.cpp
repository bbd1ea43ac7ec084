#include "record/log_writer.h"

#include <algorithm>
#include <csignal>
#include <pthread.h>
#include <string>
#include <utility>

#include "observe/log.h"

namespace saccade::record {
namespace {

// One transaction's most: a few milliseconds, so that a row whose commit is waited for comes up soon.
constexpr std::size_t kGroupRows = 4'096;
constexpr std::size_t kGroupBytes = 8 << 20;
// Retention works so long between two commits, and begins so often.
constexpr auto kRetentionSlice = std::chrono::milliseconds(5);
constexpr auto kRetentionInterval = std::chrono::milliseconds(200);
constexpr auto kReportInterval = std::chrono::seconds(5);

// Signals are for the event loops; a file-size limit becomes an error of the write instead of the process's
// end.
void leave_signals_to_others() {
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF})
    sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

}  // namespace

LogWriter::LogWriter(WriterOptions options, std::unique_ptr<SqliteStore> store,
                     std::shared_ptr<WriteQueue> queue, SqliteReader& reader, LogMetrics& metrics)
    : options_(std::move(options)),
      queue_(std::move(queue)),
      reader_(reader),
      metrics_(metrics),
      store_(std::move(store)),
      retention_(options_.retention_age, options_.retention_bytes, metrics),
      losses_reported_(metrics.lost_full.value()),
      thread_([this] { run(); }) {}

void LogWriter::join() {
  if (thread_.joinable()) thread_.join();
}

void LogWriter::run() {
  pthread_setname_np(pthread_self(), "prediction-log");
  leave_signals_to_others();
  look();
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
  if (store_) {  // readers of other processes may keep SQLite from its own at the close
    if (auto moved = store_->checkpoint(); !moved)
      observe::log_warning("{} (at the close)", moved.error().message);
  }
  store_.reset();
}

void LogWriter::wait() {
  const base::TimePoint now = base::now();
  if (trouble_ && now < trouble_->retry_at) {
    queue_->wait_for_waiter(trouble_->retry_at);
  } else if (pending_.empty()) {
    if (retention_.busy()) {
      queue_->wait_for_batch(base::Duration(0), now);
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

// How many of the pending chunks make the next transaction.
std::size_t LogWriter::next_group() const {
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::size_t chunks = 0;
  while (chunks < pending_.size() && rows < kGroupRows && bytes < kGroupBytes) {
    for (const Row& row : pending_[chunks]) bytes += row.bytes;
    rows += pending_[chunks].size();
    ++chunks;
  }
  return chunks;
}

base::Status LogWriter::store_group(std::size_t chunks) {
  if (auto opened = open_store(); !opened) return opened;
  std::vector<Row*> rows;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < chunks; ++i) {
    for (Row& row : pending_[i]) {
      rows.push_back(&row);
      bytes += row.bytes;
    }
  }
  // Producers' rows come one producer after the other: in the order of ids each goes to the end of the table.
  std::ranges::sort(rows, {}, [](const Row* row) { return row->prediction.id; });
  std::vector<const Prediction*> predictions;
  predictions.reserve(rows.size());
  for (const Row* row : rows) predictions.push_back(&row->prediction);

  const base::TimePoint began = base::now();
  const auto refused = store_->insert(predictions);
  if (!refused) return std::unexpected(refused.error());
  metrics_.commit_duration.observe(base::now() - began);
  metrics_.rows.add(rows.size() - refused->size());
  queue_->release(rows.size(), bytes);  // before the answers: who has one may count on the place
  answer(rows, *refused);
  for (; chunks > 0; --chunks) {
    queue_->recycle(std::move(pending_.front()));
    pending_.pop_front();
  }
  return {};
}

void LogWriter::answer(const std::vector<Row*>& rows, const std::vector<SqliteStore::Refused>& refused) {
  for (const auto& [place, error] : refused) {
    metrics_.lost_refused.add();
    if (rows[place]->done) std::exchange(rows[place]->done, {})(std::unexpected(error));
  }
  if (!refused.empty()) {
    observe::log_warning("{} (and {} more rows of the same commit not stored)",
                         refused.front().second.message, refused.size() - 1);
  }
  for (Row* row : rows) {
    if (row->done) row->done({});
  }
}

// ---- trouble

base::Status LogWriter::open_store() {
  if (store_) return {};
  auto opened = SqliteStore::open(options_.store);
  if (!opened) return std::unexpected(opened.error());
  store_ = std::move(*opened);
  return {};
}

void LogWriter::begin_trouble(const base::Error& error) {
  store_.reset();
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
  observe::log_warning("{}storing again after {:.1f} s", naming(options_.store.path),
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
  counter.add(refused.size());
  for (Row& row : refused) {
    if (row.done) row.done(std::unexpected(error));
  }
  return refused.size();
}

// ---- between commits

void LogWriter::maintain() {
  const base::TimePoint now = base::now();
  if (now >= next_look_) look();
  if (!store_) return;
  base::Status status;
  if (store_->checkpoint_due()) status = store_->checkpoint();
  if (now >= next_retention_) {
    next_retention_ = now + kRetentionInterval;
    if (options_.retention_age.count() > 0 || options_.retention_bytes > 0) retention_.begin();
  }
  // At least one step, so that a queue that always has somebody waiting does not stop it.
  for (bool more = status.has_value() && retention_.busy(); more;) {
    status = retention_.step(*store_);
    more = status && retention_.busy() && !queue_->urgent() && base::now() < now + kRetentionSlice;
  }
  if (!status && !maintenance_failed_) observe::log_warning("{} (while tidying up)", status.error().message);
  maintenance_failed_ = !status || (maintenance_failed_ && retention_.busy());
}

void LogWriter::look() {
  next_look_ = base::now() + options_.look_interval;
  if (!store_) return;
  if (store_->displaced()) {
    observe::log_warning("{}was moved away or removed while in use; a new file is begun",
                         naming(options_.store.path));
    reader_.drop_connections();
    store_.reset();
    if (auto opened = open_store(); !opened) begin_trouble(opened.error());
    return;
  }
  if (const auto size = store_->size()) metrics_.database_bytes.set(size->bytes());
}

void LogWriter::report_losses(base::TimePoint now) {
  if (now < next_report_) return;
  const std::uint64_t lost = metrics_.lost_full.value();
  if (lost == losses_reported_) return;
  observe::log_warning("{}{} predictions were lost because the queue was full", naming(options_.store.path),
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
  observe::log_error("{}{} predictions were given up at the close: {}", naming(options_.store.path), count,
                     error.message);
}

}  // namespace saccade::record
