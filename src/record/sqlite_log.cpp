#include "record/sqlite_log.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace saccade::record {
namespace {

constexpr auto kLongestSearch = std::chrono::seconds(5);

}  // namespace

base::Result<std::unique_ptr<SqliteLog>> SqliteLog::open(const LogOptions& options, FileOptions file,
                                                         WriterOptions writer, observe::Registry& registry) {
  if (auto checked = LogIntake::check(options); !checked) return std::unexpected(checked.error());
  std::error_code error;
  file.store.path = std::filesystem::absolute(file.store.path, error);
  if (error)
    return base::fail(base::Code::kUnavailable, "prediction log: no working directory: " + error.message());
  file.store.sync_every_commit = options.sync_every_commit;
  file.retention_age = options.retention_age;
  file.retention_bytes = options.retention_bytes;
  writer.flush_interval = options.flush_interval;
  writer.look_interval = file.look_interval;

  auto store = SqliteStore::open(file.store);
  if (!store) return std::unexpected(store.error());
  return std::unique_ptr<SqliteLog>(
      new SqliteLog(options, std::move(file), writer, std::move(*store), registry));
}

SqliteLog::SqliteLog(const LogOptions& options, FileOptions file, const WriterOptions& writer,
                     std::unique_ptr<SqliteStore> store, observe::Registry& registry)
    : path_(file.store.path),
      intake_(options, naming(path_), writer.feedback_patience, registry),
      spill_metrics_(registry, nullptr),
      reader_(path_, kLongestSearch),
      writer_(writer,
              std::make_unique<SqliteFile>(std::move(file), std::move(store), reader_, intake_.metrics()),
              intake_.queue(), intake_.metrics()) {}

SqliteLog::~SqliteLog() {
  SqliteLog::close();
}

void SqliteLog::append(Prediction prediction, Wait wait, Done done) {
  intake_.append(std::move(prediction), wait, std::move(done));
}

void SqliteLog::append_feedback(Feedback feedback, FeedbackDone done) {
  intake_.append_feedback(std::move(feedback), std::move(done));
}

base::Result<std::optional<StoredPrediction>> SqliteLog::find(const base::Uuid& id) {
  if (intake_.queue()->closed()) return std::unexpected(intake_.closed_error());
  return reader_.find(id);
}

base::Result<std::vector<StoredPrediction>> SqliteLog::list(const Query& query) {
  if (intake_.queue()->closed()) return std::unexpected(intake_.closed_error());
  return reader_.list(query);
}

void SqliteLog::close() {
  const std::lock_guard lock(close_mutex_);
  intake_.queue()->close();
  reader_.drop_connections();
  writer_.join();
}

}  // namespace saccade::record
