// The writer's side of the database file: opens it or says why not, and stores rows in groups.
//
// Belongs to the writer thread, which may close it and open it anew.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "record/log_store.h"
#include "record/prediction_log.h"
#include "record/sqlite_database.h"

namespace saccade::record {

struct StoreOptions {
  std::filesystem::path path;  // absolute
  bool sync_every_commit = false;
  bool exclusive = false;                         // nobody else may have it open
  std::chrono::milliseconds busy_timeout{2'000};  // how long another process's lock is waited for
};

class SqliteStore {
 public:
  static base::Result<std::unique_ptr<SqliteStore>> open(const StoreOptions& options);

  // A row is refused for an id that is there already.
  using Refused = LogStore::Refused;
  // Stores the rows in one transaction: after success all but the refused ones are there, after an error
  // none. In ascending order of ids it is fastest. `between` is called before each row.
  base::Result<std::vector<Refused>> insert(std::span<const Prediction* const> rows,
                                            const std::function<void()>& between);

  // Stores feedback in place of what was there, in one transaction; nothing stands where there is no such
  // prediction.
  base::Result<std::vector<LogStore::Outcome>> insert_feedback(std::span<const Feedback* const> feedback);

  // Deletes the rows with smaller ids. Answers how many there were.
  base::Result<std::int64_t> delete_before(const base::Uuid& id);
  // The id of the row that has `older` rows before it; nothing where there are not so many.
  base::Result<std::optional<base::Uuid>> id_after(std::int64_t older);

  struct Size {
    std::int64_t page_bytes = 0;
    std::int64_t pages = 0;
    std::int64_t free_pages = 0;
    std::int64_t bytes() const { return pages * page_bytes; }
    std::int64_t used_bytes() const { return (pages - free_pages) * page_bytes; }
  };
  base::Result<Size> size();
  // Gives up to `pages` free pages back to the file system (with the next checkpoint).
  base::Status shrink(std::int64_t pages);

  // True when the write-ahead log has grown enough since the last checkpoint for another one.
  bool checkpoint_due();
  // Moves what the write-ahead log holds into the file, as far as readers allow, so that it can begin anew.
  base::Status checkpoint();
  // True when another file, or none, now has the name that was opened.
  bool displaced() const;
  Database& database() { return database_; }

 private:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}
  base::Status prepare();
  base::Status remember_file();
  LogStore::Outcome insert_one(const Feedback& feedback);
  base::Status insert_row(const Prediction& row, std::size_t place, std::vector<Refused>& refused);

  Database database_;
  Statement begin_;
  Statement insert_;
  Statement commit_;
  Statement id_after_;
  Statement delete_before_;
  Statement delete_feedback_before_;
  Statement given_on_;
  Statement insert_feedback_;
  Statement page_count_;
  Statement free_count_;
  std::int64_t page_bytes_ = 0;
  std::int64_t log_pages_ = 0;        // of the write-ahead log, as the last commit left it
  std::int64_t checkpointed_at_ = 0;  // its pages at the last checkpoint
  std::uint64_t device_ = 0;          // of the file that was opened
  std::uint64_t inode_ = 0;
};

}  // namespace saccade::record
