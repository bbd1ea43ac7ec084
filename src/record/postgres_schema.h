// The tables of the log in PostgreSQL, all in the schema "saccade":
//
//   schema_version(version, applied_at)        one row per migration
//   predictions(id, created_at, answered_at, model, version, client_id, result, latency_us, input)
//   feedback(id, created_at, given_at, truth, weight, comment)
//
// The two are partitioned by the day (UTC) of created_at, which is the millisecond in the id (a UUIDv7):
// whoever has the id knows the partition. Their keys are (created_at, id), in the order of time. A partition
// is predictions_p20261124, with feedback_p20261124 beside it.
//
// Migrations only go forward. Each server applies those that are missing, in one transaction and under an
// advisory lock, so that any number of servers may start at once. A server that meets a newer schema than it
// knows refuses to use it.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "record/postgres_connection.h"

namespace saccade::record {

inline constexpr std::int64_t kPostgresVersion = 1;

// What the database keeps as created_at: the id's time in microseconds since 1970.
std::int64_t created_at(const base::Uuid& id);
// Days since 1970 of a time, and the suffix of that day's partitions ("p20261124").
std::int64_t day_of(std::int64_t unix_micros);
std::string partition_suffix(std::int64_t day);

// Sets up a new connection for the log: bounds on what the server does for it, and its temporary table.
PostgresResult<void> prepare_session(PostgresConnection& connection);
// Brings the schema to kPostgresVersion.
PostgresResult<void> migrate_schema(PostgresConnection& connection);
// Makes the partitions of these days where they are missing.
PostgresResult<void> make_partitions(PostgresConnection& connection, const std::set<std::int64_t>& days);

struct Partition {
  std::int64_t day = 0;
  std::int64_t rows = 0;   // about
  std::int64_t bytes = 0;  // feedback and indexes included
};
// Oldest first.
PostgresResult<std::vector<Partition>> list_partitions(PostgresConnection& connection);
// Fails where somebody uses it for longer than a second; to be tried again.
PostgresResult<void> drop_partition(PostgresConnection& connection, std::int64_t day);

}  // namespace saccade::record
