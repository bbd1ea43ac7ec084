// The tables of the prediction log's file, and whose file it is.
//
//   predictions(id BLOB PRIMARY KEY, time, model, version, client_id, result, latency_us, input) WITHOUT
//   ROWID
//   feedback(id BLOB PRIMARY KEY, time, truth, weight, comment) WITHOUT ROWID      since version 2
//
// The primary key is the UUIDv7 itself, so rows lie in the order of time: "newest first", "since" and "the
// oldest" need no second index, which would cost more than the row. application_id says that the file is
// Saccade's, user_version which shape of the table it has. A file with other contents is never touched.
#pragma once

#include "base/error.h"
#include "record/sqlite_database.h"

namespace saccade::record {

inline constexpr std::int64_t kApplicationId = 0x53616363;  // "Sacc"
inline constexpr std::int64_t kSchemaVersion = 2;

// Makes the tables in an empty database, accepts those that this or another server has made, brings older
// ones up to date, and refuses any other. Leaves the database in write-ahead mode. Safe when several servers
// do it at once.
base::Status prepare_schema(Database& database);

}  // namespace saccade::record
