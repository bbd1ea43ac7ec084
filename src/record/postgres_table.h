// Stores rows and feedback over one connection.
//
// A row that has never been given before goes straight into its partition by COPY. One that may be there
// already (because nobody knows how its last try ended) goes by COPY into a temporary table and from there in
// what is new: whichever way, a row is there once. A row whose values the database does not take is refused
// by itself, not with the others.
//
// Belongs to one thread at a time, as its connection does.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <vector>

#include "record/log_store.h"
#include "record/postgres_connection.h"
#include "record/postgres_rows.h"

namespace saccade::record {

class PostgresTable {
 public:
  // Opens and sets up a connection. `migrate`: brings the schema up to date, too.
  static PostgresResult<std::unique_ptr<PostgresTable>> open(const PostgresAddress& address,
                                                             base::Duration patience,
                                                             PostgresConnection::GiveUp give_up,
                                                             bool migrate);

  using Refused = std::vector<LogStore::Refused>;
  PostgresResult<Refused> insert(std::span<const RowView> rows, base::Duration patience);
  PostgresResult<Refused> insert_new_ones(std::span<const RowView> rows, base::Duration patience);
  PostgresResult<std::vector<LogStore::Outcome>> insert_feedback(std::span<const Feedback* const> feedback,
                                                                 base::Duration patience);
  // Makes the partitions of these days, unless this has done so already.
  PostgresResult<void> ensure_days(const std::set<std::int64_t>& days);
  // Another server may have dropped some.
  void forget_days() { days_.clear(); }

  PostgresConnection& connection() { return *connection_; }

 private:
  explicit PostgresTable(std::unique_ptr<PostgresConnection> connection)
      : connection_(std::move(connection)) {}

  using Way = PostgresResult<void> (PostgresTable::*)(std::span<const RowView>, base::Duration);
  PostgresResult<void> copy(std::span<const RowView> rows, base::Duration patience);
  PostgresResult<void> merge(std::span<const RowView> rows, base::Duration patience);
  PostgresResult<void> put(Way way, std::span<const RowView> rows, base::Duration patience);
  PostgresResult<void> put_what_fits(Way way, std::span<const RowView> rows, std::size_t first,
                                     base::Duration patience, Refused& refused);
  PostgresResult<LogStore::Outcome> insert_one(const Feedback& feedback, base::Duration patience);
  PostgresResult<void> roll_back(PostgresError error);

  std::unique_ptr<PostgresConnection> connection_;
  std::set<std::int64_t> days_;  // whose partitions are there
};

}  // namespace saccade::record
