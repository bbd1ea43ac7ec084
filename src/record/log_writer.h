// The one thread that writes the log: takes what has gathered in the queue, commits it in groups, and between
// the commits keeps the file in shape (checkpoints, retention).
//
// When a commit fails (disk full, file locked by another process for longer than the busy time-out, I/O
// error):
//  - Rows that nobody waits for stay in their order, keep their places in the queue and are tried again, with
//  growing
//    pauses, on a connection opened anew. Meanwhile the queue fills; what finds it full is lost and counted.
//  - A row whose commit somebody waits for is answered with kUnavailable at the first failed commit, or,
//  until the
//    next try is due, as soon as it arrives; it is then dropped. So nobody waits longer than one try, a row
//    is never both answered with an error and stored later, and a caller may repeat it. One exception is out
//    of reach: a sync that fails after the commit's last byte was written, followed by the end of the process
//    before the next commit.
//  - Rows that wait for a place go on waiting; close() ends that.
// The trouble is logged once when it begins and once when it ends.
//
// close() commits everything first. If that goes on failing for `close_patience` the rest is given up:
// counted, logged, and answered with an error where somebody waits.
//
// A file that is moved away or removed under a running server is noticed within `look_interval`: a new one is
// begun.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "record/log_metrics.h"
#include "record/retention.h"
#include "record/sqlite_reader.h"
#include "record/sqlite_store.h"
#include "record/write_queue.h"

namespace saccade::record {

struct WriterOptions {
  StoreOptions store;
  std::chrono::milliseconds flush_interval{100};
  std::chrono::milliseconds first_retry{50};  // doubled with each failure, up to:
  std::chrono::milliseconds longest_retry{2'000};
  std::chrono::milliseconds close_patience{10'000};
  std::chrono::milliseconds look_interval{2'000};  // between looks at the file's size and name
  std::chrono::seconds retention_age{0};
  std::int64_t retention_bytes = 0;
};

class LogWriter {
 public:
  // Starts the thread. `reader` and `metrics` outlive it.
  LogWriter(WriterOptions options, std::unique_ptr<SqliteStore> store, std::shared_ptr<WriteQueue> queue,
            SqliteReader& reader, LogMetrics& metrics);
  // The queue must have been closed: the thread ends when it has stored what was in it.
  void join();

 private:
  struct Trouble {
    base::Error error;  // what waiting callers are told
    base::TimePoint since;
    base::TimePoint retry_at;
    base::Duration pause;
  };

  void run();
  void wait();
  bool may_try() const;
  void store_pending();
  base::Status store_group(std::size_t chunks);
  std::size_t next_group() const;
  void answer(const std::vector<Row*>& rows, const std::vector<SqliteStore::Refused>& refused);
  base::Status open_store();
  void begin_trouble(const base::Error& error);
  void end_trouble();
  void refuse_waiters();
  std::size_t refuse(bool only_waiters, const base::Error& error, observe::Counter& counter);
  void maintain();
  void look();
  void report_losses(base::TimePoint now);
  bool finished();
  void give_up();

  const WriterOptions options_;
  const std::shared_ptr<WriteQueue> queue_;
  SqliteReader& reader_;
  LogMetrics& metrics_;

  // The thread's own from here on.
  std::unique_ptr<SqliteStore> store_;  // null after trouble, until it could be opened again
  Retention retention_;
  std::deque<Chunk> pending_;  // taken from the queue and not yet stored
  std::optional<Trouble> trouble_;
  bool maintenance_failed_ = false;  // and logged
  std::uint64_t losses_reported_ = 0;
  base::TimePoint next_report_;
  base::TimePoint next_look_;
  base::TimePoint next_retention_;
  std::optional<base::TimePoint> closing_since_;

  std::thread thread_;
};

}  // namespace saccade::record
