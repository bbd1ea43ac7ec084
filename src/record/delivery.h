// The way from the spill file to the database server: one thread that keeps the connections, delivers what
// waits, and looks after the partitions (made a day ahead, dropped by retention).
//
// The connection that the log's writer stores new rows by is opened here, too, and handed over by
// take_direct(): so the writer never waits for a name to be looked up or for a server that does not answer.
// There is none while the server is away; after a failure the pauses between the tries grow to ten seconds.
//
// A batch is delivered, committed, and only then removed from the spill. Should that last step not happen,
// the batch comes again and the database keeps what it has: each row is there once.
//
// Lifecycle: constructed with the first connections or without → the thread runs → close(), which lets a
// batch under way end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "record/log_metrics.h"
#include "record/postgres_table.h"
#include "record/spill.h"
#include "record/spill_metrics.h"

namespace saccade::record {

struct DeliveryOptions {
  PostgresAddress address;
  std::chrono::seconds retention_age{0};
  std::int64_t retention_bytes = 0;
  std::chrono::milliseconds connect_patience{5'000};
  std::chrono::milliseconds batch_patience{15'000};
  std::chrono::milliseconds first_pause{200};  // doubled with each failure, up to:
  std::chrono::milliseconds longest_pause{10'000};
};

class Delivery {
 public:
  // `own` and `direct`: connections that are there already, or null. What it refers to outlives it.
  Delivery(DeliveryOptions options, Spill& spill, std::unique_ptr<PostgresTable> own,
           std::unique_ptr<PostgresTable> direct, LogMetrics& metrics, SpillMetrics& spill_metrics);
  ~Delivery() { close(); }
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // The writer's connection; null while the server is away. It is given back, or given up if it was lost.
  std::unique_ptr<PostgresTable> take_direct();
  void give_back_direct(std::unique_ptr<PostgresTable> table);
  // There are rows in the spill.
  void wake();
  void close();

 private:
  void run();
  base::Duration work();
  PostgresResult<void> connect();
  PostgresResult<bool> deliver();
  PostgresResult<void> tend_partitions();
  PostgresResult<void> retain();
  void report(const PostgresResult<void>& worked);

  const DeliveryOptions options_;
  Spill& spill_;
  LogMetrics& metrics_;
  SpillMetrics& spill_metrics_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<PostgresTable> direct_;  // guarded by mutex_; null: away, or the writer has it
  bool direct_lent_ = false;               // guarded by mutex_
  bool woken_ = false;                     // guarded by mutex_
  std::atomic<bool> closing_{false};

  // The thread's own.
  std::unique_ptr<PostgresTable> own_;
  base::Duration pause_{0};
  base::TimePoint away_since_{};
  bool away_ = false;
  base::TimePoint next_tending_{};

  std::thread thread_;
};

}  // namespace saccade::record
