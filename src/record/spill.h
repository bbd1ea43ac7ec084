// Rows and feedback on the local disk, on their way to a database server that is away: a SQLite file of the
// log's own form, within a number of bytes.
//
// A row leaves it only when remove() is told that it has arrived. Nobody else may open the file meanwhile, so
// two servers can't share one.
//
// Safe from any thread; each call holds the file for as long as a disk takes. rows() is free.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "record/log_store.h"
#include "record/sqlite_store.h"

namespace saccade::record {

struct SpillOptions {
  std::filesystem::path path;  // absolute
  std::int64_t max_bytes = 0;  // of rows, about: the file's journal comes on top, 64 MiB at most
  bool sync_every_commit = false;
  std::chrono::milliseconds busy_timeout{2'000};
};

class Spill {
 public:
  // Rows of an earlier run are found in it.
  static base::Result<std::unique_ptr<Spill>> open(const SpillOptions& options);

  // kUnavailable where there is no room. Rows that are there already stay as they are.
  base::Result<std::vector<LogStore::Refused>> append(std::span<const Prediction* const> rows);
  // Only of predictions that are in it.
  base::Result<std::vector<LogStore::Outcome>> insert_feedback(std::span<const Feedback* const> feedback);

  struct Batch {
    std::vector<StoredPrediction> rows;
    std::vector<Feedback> feedback;  // on predictions that have gone ahead
    bool empty() const { return rows.empty() && feedback.empty(); }
  };
  base::Result<Batch> oldest(std::size_t rows, std::size_t bytes);
  base::Status remove(const Batch& delivered);

  base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id);
  base::Result<std::vector<StoredPrediction>> list(const Query& query);

  std::int64_t rows() const { return rows_.load(); }
  bool empty() const { return rows_.load() == 0 && feedback_.load() == 0; }
  std::int64_t bytes() const { return bytes_.load(); }  // in use
  // How many bytes of rows it still takes, about.
  std::size_t room() const {
    return static_cast<std::size_t>(std::max<std::int64_t>(options_.max_bytes - bytes_.load(), 0));
  }
  // When the oldest row was answered; 0: there is none.
  std::int64_t oldest_micros() const { return oldest_micros_.load(); }
  const std::filesystem::path& path() const { return options_.path; }

 private:
  explicit Spill(SpillOptions options) : options_(std::move(options)) {}
  base::Status open_store();  // with the mutex held, as all below
  void after_change();
  base::Status remove_all(const Batch& delivered);
  base::Result<std::vector<StoredPrediction>> query(Statement& statement, std::size_t most_bytes);
  base::Error lose(base::Error error);

  const SpillOptions options_;
  std::mutex mutex_;
  std::unique_ptr<SqliteStore>
      store_;  // guarded by mutex_; null after trouble, until it could be opened again
  Statement find_, list_, list_of_model_, oldest_, oldest_feedback_, remove_row_,
      remove_feedback_;  // likewise
  std::atomic<std::int64_t> rows_{0};
  std::atomic<std::int64_t> feedback_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> oldest_micros_{0};
};

}  // namespace saccade::record
