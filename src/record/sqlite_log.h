// The prediction log in a SQLite file: queue, writer and readers put together.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "record/log_metrics.h"
#include "record/log_writer.h"
#include "record/prediction_log.h"
#include "record/sqlite_reader.h"
#include "record/write_queue.h"

namespace saccade::record {

class SqliteLog final : public PredictionLog {
 public:
  // Opens the file of `writer.store.path`, relative or absolute; what `options` says overrides `writer`,
  // whose other members tests set.
  static base::Result<std::unique_ptr<SqliteLog>> open(const LogOptions& options, WriterOptions writer,
                                                       observe::Registry& registry);
  ~SqliteLog() override;
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  void append(Prediction prediction, Wait wait, Done done) override;
  base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id) override;
  base::Result<std::vector<StoredPrediction>> list(const Query& query) override;
  void close() override;

 private:
  SqliteLog(WriterOptions writer, std::unique_ptr<SqliteStore> store, const QueueLimits& limits,
            observe::Registry& registry);

  const std::filesystem::path path_;
  const std::shared_ptr<WriteQueue> queue_;
  LogMetrics metrics_;
  SqliteReader reader_;
  std::mutex close_mutex_;
  LogWriter writer_;
};

}  // namespace saccade::record
