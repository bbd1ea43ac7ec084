// Reads predictions back from PostgreSQL, over a connection of its own.
//
// When the server does not answer, a call fails with kUnavailable and says when to try again; for as long as
// the circuit breaker is open, calls fail at once. A search that takes longer than a few seconds is ended by
// the server.
//
// Safe from any thread, one at a time: the others wait.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "record/postgres_connection.h"
#include "record/prediction_log.h"
#include "resilience/breaker_metrics.h"
#include "resilience/circuit_breaker.h"

namespace saccade::record {

class PostgresReader {
 public:
  PostgresReader(PostgresAddress address, observe::Registry& registry);

  base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id);
  base::Result<std::vector<StoredPrediction>> list(const Query& query);

 private:
  using Parameters = std::vector<PostgresConnection::Parameter>;
  base::Result<std::vector<StoredPrediction>> query(const std::string& sql, const Parameters& parameters);
  PostgresResult<std::vector<StoredPrediction>> try_query(const std::string& sql,
                                                          const Parameters& parameters);

  const PostgresAddress address_;
  const std::shared_ptr<resilience::CircuitBreaker> breaker_;
  resilience::BreakerMetrics breaker_metrics_;
  std::mutex mutex_;
  std::unique_ptr<PostgresConnection> connection_;  // guarded by mutex_
};

}  // namespace saccade::record
