// The one thread that writes the log: takes what has gathered in the queue, commits it in groups, and between
// the commits lets the store tidy up. A commit that nobody waits for is spread over time (kRest in the .cpp).
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
// Feedback is stored behind the predictions of the same group. Where its prediction is not there yet (an
// answer may be quicker than its row) it is tried again with each group, for `feedback_patience`.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "record/log_metrics.h"
#include "record/log_store.h"
#include "record/write_queue.h"

namespace saccade::record {

struct WriterOptions {
  std::chrono::milliseconds flush_interval{100};
  std::chrono::milliseconds first_retry{50};  // doubled with each failure, up to:
  std::chrono::milliseconds longest_retry{2'000};
  std::chrono::milliseconds close_patience{10'000};
  std::chrono::milliseconds look_interval{
      2'000};  // between looks at what there is to tidy, when nothing comes
  std::chrono::milliseconds feedback_patience{2'000};
};

class LogWriter {
 public:
  // Starts the thread. `metrics` outlives it.
  LogWriter(WriterOptions options, std::unique_ptr<LogStore> store, std::shared_ptr<WriteQueue> queue,
            LogMetrics& metrics);
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
  std::size_t next_group();
  void split_chunk(std::size_t at, std::size_t rows);
  base::Status insert_rows(std::vector<Row*>& rows, bool waited_for);
  base::Status insert_feedback(const std::vector<Row*>& rows);
  void settle(std::shared_ptr<PendingFeedback> pending, LogStore::Outcome& outcome);
  void begin_trouble(const base::Error& error);
  void end_trouble();
  void refuse_waiters();
  std::size_t refuse(bool only_waiters, const base::Error& error, observe::Counter& counter);
  void maintain();
  void report_losses(base::TimePoint now);
  bool finished();
  void give_up();

  const WriterOptions options_;
  const std::shared_ptr<WriteQueue> queue_;
  LogMetrics& metrics_;

  // The thread's own from here on.
  std::unique_ptr<LogStore> store_;
  std::deque<Chunk> pending_;                              // taken from the queue and not yet stored
  std::vector<std::shared_ptr<PendingFeedback>> waiting_;  // feedback whose prediction is not there yet
  std::optional<Trouble> trouble_;
  bool maintenance_failed_ = false;  // and logged
  std::uint64_t losses_reported_ = 0;
  base::TimePoint next_report_;
  std::optional<base::TimePoint> closing_since_;

  std::thread thread_;
};

}  // namespace saccade::record
