// Reads predictions back, from any thread: a few read-only connections of their own, so that a search neither
// waits for the writer nor holds it up.
//
// A search that takes longer than a few seconds is ended: as long as it runs, the write-ahead log can't begin
// anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.h"
#include "record/prediction_log.h"
#include "record/sqlite_database.h"

namespace saccade::record {

// Whole rows with their feedback: the query, up to and without its WHERE, and what it gives. The tables are p
// and f.
std::string row_query(std::string_view which);
StoredPrediction read_row(const Statement& statement);
// No row answered since then has a smaller id.
base::Uuid first_id_since(std::int64_t unix_micros);

class SqliteReader {
 public:
  SqliteReader(std::filesystem::path path, std::chrono::milliseconds longest_search);
  ~SqliteReader();
  SqliteReader(const SqliteReader&) = delete;
  SqliteReader& operator=(const SqliteReader&) = delete;

  base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id);
  base::Result<std::vector<StoredPrediction>> list(const Query& query);
  // Forgets the open connections: the file was replaced, or the log ends.
  void drop_connections();

 private:
  class Connection;
  base::Result<std::unique_ptr<Connection>> borrow();
  void give_back(std::unique_ptr<Connection> connection);

  const std::filesystem::path path_;
  const std::chrono::milliseconds longest_search_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
  std::uint64_t generation_ = 0;                   // guarded by mutex_; of connections that may be used again
};

}  // namespace saccade::record
