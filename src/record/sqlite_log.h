// The prediction log in a SQLite file: queue, writer and readers put together.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "record/log_intake.h"
#include "record/log_writer.h"
#include "record/prediction_log.h"
#include "record/spill_metrics.h"
#include "record/sqlite_file.h"
#include "record/sqlite_reader.h"

namespace saccade::record {

class SqliteLog final : public PredictionLog {
 public:
  // Opens the file of `file.store.path`, relative or absolute; what `options` says overrides `file` and
  // `writer`, whose other members tests set.
  static base::Result<std::unique_ptr<SqliteLog>> open(const LogOptions& options, FileOptions file,
                                                       WriterOptions writer, observe::Registry& registry);
  ~SqliteLog() override;
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  void append(Prediction prediction, Wait wait, Done done) override;
  void append_feedback(Feedback feedback, FeedbackDone done) override;
  base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id) override;
  base::Result<std::vector<StoredPrediction>> list(const Query& query) override;
  void close() override;

 private:
  SqliteLog(const LogOptions& options, FileOptions file, const WriterOptions& writer,
            std::unique_ptr<SqliteStore> store, observe::Registry& registry);

  const std::filesystem::path path_;
  LogIntake intake_;
  SpillMetrics spill_metrics_;  // a file needs no spill; the figures are there for dashboards of either
  SqliteReader reader_;
  std::mutex close_mutex_;
  LogWriter writer_;
};

}  // namespace saccade::record
