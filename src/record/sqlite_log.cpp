#include "record/sqlite_log.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace saccade::record {
namespace {

// Beside the bound in rows: inputs can be large.
constexpr std::size_t kQueueBytes = 256 << 20;
// Worth a commit before the flush interval ends.
constexpr std::size_t kBatchRows = 2'000;
constexpr std::size_t kBatchBytes = 4 << 20;
constexpr auto kLongestSearch = std::chrono::seconds(5);

base::Error closed(const std::filesystem::path& path) {
  return {base::Code::kUnavailable, naming(path) + "is closed"};
}

base::Status check(const LogOptions& options) {
  if (options.queue_capacity == 0)
    return base::invalid_argument("prediction log: the queue needs room for a row");
  if (options.flush_interval.count() < 0)
    return base::invalid_argument("prediction log: negative flush interval");
  if (options.retention_age.count() < 0)
    return base::invalid_argument("prediction log: negative retention age");
  if (options.retention_bytes != 0 && options.retention_bytes < kLeastRetentionBytes) {
    return base::invalid_argument("prediction log: retention by size needs at least " +
                                  std::to_string(kLeastRetentionBytes) + " bytes, got " +
                                  std::to_string(options.retention_bytes));
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<SqliteLog>> SqliteLog::open(const LogOptions& options, WriterOptions writer,
                                                         observe::Registry& registry) {
  if (auto checked = check(options); !checked) return std::unexpected(checked.error());
  std::error_code error;
  writer.store.path = std::filesystem::absolute(writer.store.path, error);
  if (error)
    return base::fail(base::Code::kUnavailable, "prediction log: no working directory: " + error.message());
  writer.store.sync_every_commit = options.sync_every_commit;
  writer.flush_interval = options.flush_interval;
  writer.retention_age = options.retention_age;
  writer.retention_bytes = options.retention_bytes;

  auto store = SqliteStore::open(writer.store);
  if (!store) return std::unexpected(store.error());
  const QueueLimits limits{.capacity = options.queue_capacity,
                           .max_bytes = kQueueBytes,
                           .batch_rows = kBatchRows,
                           .batch_bytes = kBatchBytes};
  return std::unique_ptr<SqliteLog>(new SqliteLog(std::move(writer), std::move(*store), limits, registry));
}

SqliteLog::SqliteLog(WriterOptions writer, std::unique_ptr<SqliteStore> store, const QueueLimits& limits,
                     observe::Registry& registry)
    : path_(writer.store.path),
      queue_(std::make_shared<WriteQueue>(limits)),
      metrics_(registry, queue_),
      reader_(path_, kLongestSearch),
      writer_(std::move(writer), std::move(store), queue_, reader_, metrics_) {}

SqliteLog::~SqliteLog() {
  SqliteLog::close();
}

void SqliteLog::append(Prediction prediction, Wait wait, Done done) {
  switch (queue_->push(std::move(prediction), wait, done)) {
    case WriteQueue::Entry::kEntered:
      return;
    case WriteQueue::Entry::kFull:
      metrics_.lost_full.add();
      return;
    case WriteQueue::Entry::kClosed:
      metrics_.lost_closed.add();
      if (wait != Wait::kNothing && done) done(std::unexpected(closed(path_)));
      return;
  }
}

base::Result<std::optional<StoredPrediction>> SqliteLog::find(const base::Uuid& id) {
  if (queue_->closed()) return std::unexpected(closed(path_));
  return reader_.find(id);
}

base::Result<std::vector<StoredPrediction>> SqliteLog::list(const Query& query) {
  if (queue_->closed()) return std::unexpected(closed(path_));
  return reader_.list(query);
}

void SqliteLog::close() {
  const std::lock_guard lock(close_mutex_);
  queue_->close();
  reader_.drop_connections();
  writer_.join();
}

}  // namespace saccade::record
