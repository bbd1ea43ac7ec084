// The log in a SQLite file, as the writer sees it: the store, opened anew after trouble, and what keeps the
// file in shape (checkpoints, retention).
//
// A file that is moved away or removed under a running server is noticed within `look_interval`: a new one is
// begun.
//
// Belongs to the writer thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "record/log_metrics.h"
#include "record/log_store.h"
#include "record/retention.h"
#include "record/sqlite_reader.h"
#include "record/sqlite_store.h"

namespace saccade::record {

struct FileOptions {
  StoreOptions store;
  std::chrono::milliseconds look_interval{2'000};  // between looks at the file's size and name
  std::chrono::seconds retention_age{0};
  std::int64_t retention_bytes = 0;
};

class SqliteFile final : public LogStore {
 public:
  // `reader` and `metrics` outlive it.
  SqliteFile(FileOptions options, std::unique_ptr<SqliteStore> store, SqliteReader& reader,
             LogMetrics& metrics);

  std::string naming() const override;
  base::Status open() override;
  void drop() override { store_.reset(); }
  base::Result<std::vector<Refused>> insert(std::span<const Prediction* const> rows,
                                            const std::function<void()>& between) override {
    return store_->insert(rows, between);
  }
  base::Result<std::vector<Outcome>> insert_feedback(std::span<const Feedback* const> feedback) override {
    return store_->insert_feedback(feedback);
  }
  base::Status tidy(const std::function<bool()>& hurry) override;
  bool tidying() const override { return retention_.busy(); }
  void close() override;

 private:
  base::Status look();

  const FileOptions options_;
  SqliteReader& reader_;
  LogMetrics& metrics_;
  std::unique_ptr<SqliteStore> store_;  // null after trouble, until it could be opened again
  Retention retention_;
  base::TimePoint next_look_;
  base::TimePoint next_retention_;
};

}  // namespace saccade::record
