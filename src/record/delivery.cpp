#include "record/delivery.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "observe/log.h"
#include "record/postgres_schema.h"
#include "record/thread_start.h"

namespace saccade::record {
namespace {

constexpr std::size_t kBatchRows = 4'096;
constexpr std::size_t kBatchBytes = 8 << 20;
constexpr auto kIdle = std::chrono::seconds(1);
constexpr auto kTendingInterval = std::chrono::seconds(60);

}  // namespace

Delivery::Delivery(DeliveryOptions options, Spill& spill, std::unique_ptr<PostgresTable> own,
                   std::unique_ptr<PostgresTable> direct, LogMetrics& metrics, SpillMetrics& spill_metrics)
    : options_(std::move(options)),
      spill_(spill),
      metrics_(metrics),
      spill_metrics_(spill_metrics),
      direct_(std::move(direct)),
      own_(std::move(own)),
      away_since_(base::now()),
      away_(own_ == nullptr),
      thread_([this] { run(); }) {}

// ---- for the writer

std::unique_ptr<PostgresTable> Delivery::take_direct() {
  const std::lock_guard lock(mutex_);
  direct_lent_ = direct_ != nullptr;
  return std::move(direct_);
}

void Delivery::give_back_direct(std::unique_ptr<PostgresTable> table) {
  const std::lock_guard lock(mutex_);
  direct_lent_ = false;
  if (table->connection().lost()) {
    woken_ = true;
    changed_.notify_one();
  } else {
    direct_ = std::move(table);
  }
}

void Delivery::wake() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(woken_, true)) return;
  changed_.notify_one();
}

void Delivery::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// ---- the thread

void Delivery::run() {
  begin_thread("log-delivery");
  while (!closing_) {
    const base::Duration wait = work();
    std::unique_lock lock(mutex_);
    // Rows that come while the server is away do not make it come back sooner.
    changed_.wait_for(lock, wait, [this] { return closing_ || (woken_ && !away_); });
    woken_ = false;
  }
  const std::lock_guard lock(mutex_);
  own_.reset();
  direct_.reset();
}

// Answers how long there is nothing to do.
base::Duration Delivery::work() {
  PostgresResult<void> worked = connect();
  bool more = false;
  if (worked) {
    auto delivered = deliver();
    more = delivered.value_or(false);
    if (!delivered) worked = std::unexpected(delivered.error());
  }
  if (worked && base::now() >= next_tending_) worked = tend_partitions();
  report(worked);
  if (!worked) {
    if (own_ && own_->connection().lost()) own_.reset();
    pause_ = std::clamp<base::Duration>(pause_ * 2, options_.first_pause, options_.longest_pause);
    return pause_;
  }
  pause_ = base::Duration(0);
  return more ? base::Duration(0) : base::Duration(kIdle);
}

PostgresResult<void> Delivery::connect() {
  const auto closing = [this] { return closing_.load(); };
  if (!own_) {
    auto opened = PostgresTable::open(options_.address, options_.connect_patience, closing, true);
    if (!opened) return std::unexpected(opened.error());
    own_ = std::move(*opened);
    next_tending_ = {};
  }
  own_->connection().set_give_up({});
  {
    const std::lock_guard lock(mutex_);
    if (direct_ || direct_lent_) return {};
  }
  auto opened = PostgresTable::open(options_.address, options_.connect_patience, closing, false);
  if (!opened) return std::unexpected(opened.error());
  const std::lock_guard lock(mutex_);
  direct_ = std::move(*opened);
  return {};
}

// True: there is more.
PostgresResult<bool> Delivery::deliver() {
  if (spill_.empty()) return false;
  auto batch = spill_.oldest(kBatchRows, kBatchBytes);
  if (!batch) return std::unexpected(PostgresError{.error = batch.error()});
  if (batch->empty()) return false;
  std::vector<RowView> rows;
  rows.reserve(batch->rows.size());
  for (const StoredPrediction& row : batch->rows) rows.push_back(RowView::of(row));
  if (!rows.empty()) {
    auto refused = own_->insert_new_ones(rows, options_.batch_patience);
    if (!refused) return std::unexpected(refused.error());
    metrics_.lost_refused.add(refused->size());
    if (!refused->empty()) {
      observe::log_warning("{} (and {} more rows of the same batch not stored)",
                           refused->front().second.message, refused->size() - 1);
    }
    spill_metrics_.delivered.add(rows.size() - refused->size());
  }
  std::vector<const Feedback*> feedback;
  for (const Feedback& given : batch->feedback) feedback.push_back(&given);
  if (!feedback.empty()) {
    auto stored = own_->insert_feedback(feedback, options_.batch_patience);
    if (!stored) return std::unexpected(stored.error());
  }
  if (auto removed = spill_.remove(*batch); !removed)
    return std::unexpected(PostgresError{.error = removed.error()});
  return true;
}

// ---- partitions

PostgresResult<void> Delivery::tend_partitions() {
  const std::int64_t today = day_of(base::unix_micros());
  own_->forget_days();
  if (auto made = own_->ensure_days({today, today + 1}); !made) return made;
  next_tending_ = base::now() + kTendingInterval;
  return retain();
}

PostgresResult<void> Delivery::retain() {
  auto partitions = list_partitions(own_->connection());
  if (!partitions) return std::unexpected(partitions.error());
  std::int64_t bytes = 0;
  for (const Partition& partition : *partitions) bytes += partition.bytes;
  const std::int64_t now = base::unix_micros();
  const std::int64_t kept_from = options_.retention_age.count() > 0
                                     ? day_of(now - std::chrono::microseconds(options_.retention_age).count())
                                     : std::numeric_limits<std::int64_t>::min();
  for (const Partition& partition : *partitions) {
    const bool old = partition.day < kept_from;
    const bool large =
        options_.retention_bytes > 0 && bytes > options_.retention_bytes && partition.day < day_of(now);
    if (!old && !large) break;
    if (auto dropped = drop_partition(own_->connection(), partition.day); !dropped) {
      if (own_->connection().lost()) return dropped;
      observe::log_warning("{} (while dropping the partition {}; tried again later)",
                           dropped.error().error.message, partition_suffix(partition.day));
      break;
    }
    bytes -= partition.bytes;
    (old ? metrics_.deleted_by_age : metrics_.deleted_by_size)
        .add(static_cast<std::uint64_t>(partition.rows));
  }
  own_->forget_days();
  metrics_.database_bytes.set(bytes);
  return {};
}

// ---- what is said

void Delivery::report(const PostgresResult<void>& worked) {
  spill_metrics_.up.set(worked ? 1 : 0);
  if (closing_) return;
  if (!worked && !away_) {
    away_since_ = base::now();
    observe::log_error("{}; predictions are kept in {} and delivered later", worked.error().error.message,
                       spill_.path().string());
  } else if (worked && away_) {
    observe::log_warning("{}: back after {:.1f} s; {} predictions wait to be delivered",
                         options_.address.name, base::seconds(base::now() - away_since_), spill_.rows());
  }
  const std::lock_guard lock(mutex_);
  away_ = !worked;
}

}  // namespace saccade::record
