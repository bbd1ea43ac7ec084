// Keeps the log within its age and its size by deleting the oldest rows, in steps so small that no commit
// waits long for one.
//
// Age goes by the id (which is ordered by time), so a step is one range delete at the front of the table.
// Under a limit of size rows go as soon as they take 95 % of it: new rows take the room of those that went,
// so the file neither grows over the limit nor has to be shrunk all the time; what lies above the limit is
// given back to the file system. The newest row always stays.
//
// Belongs to the writer thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/error.h"
#include "record/log_metrics.h"
#include "record/sqlite_store.h"

namespace saccade::record {

// What the limit by size can be at least: an empty database is tens of kilobytes.
inline constexpr std::int64_t kLeastRetentionBytes = 1 << 20;

class Retention {
 public:
  Retention(std::chrono::seconds age, std::int64_t bytes, const LogMetrics& metrics);

  // Begins to look for rows to delete; the steps after it do so until they find none.
  void begin() { busy_ = true; }
  bool busy() const { return busy_; }
  // Deletes or shrinks a little.
  base::Status step(SqliteStore& store);

 private:
  base::Result<bool> step_by_age(SqliteStore& store);
  base::Result<bool> step_by_size(SqliteStore& store);
  base::Result<bool> step_by_shrinking(SqliteStore& store);
  void adapt_step(std::int64_t freed_pages, std::int64_t page_bytes);

  const std::chrono::seconds age_;
  const std::int64_t bytes_;
  const LogMetrics& metrics_;
  bool busy_ = false;
  std::int64_t step_rows_ = 16;    // of the next step by size
  std::int64_t unshrinkable_ = 0;  // free pages that the file would not give back
};

}  // namespace saccade::record
