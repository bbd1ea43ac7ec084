// Where the writer puts rows of a log in PostgreSQL: straight into the database while it keeps up, otherwise
// into the spill file, from which they are delivered later.
//
// The writer waits for the database no longer than `direct_patience`, and not even that when the queue is
// half full meanwhile; a circuit breaker keeps it from trying a database that is slow or fails time and
// again. Rows go straight only while no earlier ones are in the spill, so they arrive in their order. A row
// is stored when it is in either place. When the spill has no room or its disk fails, that is the log's
// trouble, as a full disk is that of a SQLite log.
//
// Belongs to the writer thread.
#pragma once

#include <memory>

#include "record/delivery.h"
#include "record/log_store.h"
#include "record/spill.h"
#include "record/write_queue.h"
#include "resilience/breaker_metrics.h"
#include "resilience/circuit_breaker.h"

namespace saccade::record {

class PostgresStore final : public LogStore {
 public:
  struct Limits {
    std::chrono::milliseconds direct_patience{1'000};
    std::size_t hurry_rows = 0;  // with so many in the queue it waits no longer
  };
  // What it refers to outlives it.
  PostgresStore(Limits limits, Spill& spill, Delivery& delivery, const WriteQueue& queue,
                SpillMetrics& metrics, observe::Registry& registry);

  std::string naming() const override { return "prediction log: "; }
  base::Status open() override { return {}; }
  void drop() override {}
  // That of the spill, even where rows may yet go straight into the database.
  std::size_t room() const override { return spill_.room(); }
  base::Result<std::vector<Refused>> insert(std::span<const Prediction* const> rows,
                                            const std::function<void()>& between) override;
  base::Result<std::vector<Outcome>> insert_feedback(std::span<const Feedback* const> feedback) override;
  base::Status tidy(const std::function<bool()>& /*hurry*/) override { return {}; }
  bool tidying() const override { return false; }
  void close() override {}

 private:
  base::Result<std::vector<Refused>> insert_direct(std::span<const Prediction* const> rows,
                                                   PostgresTable& table);

  const Limits limits_;
  Spill& spill_;
  Delivery& delivery_;
  const WriteQueue& queue_;
  SpillMetrics& metrics_;
  const std::shared_ptr<resilience::CircuitBreaker> breaker_;
  resilience::BreakerMetrics breaker_metrics_;
};

}  // namespace saccade::record
