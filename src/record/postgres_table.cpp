#include "record/postgres_table.h"

#include <string>
#include <utility>

#include "record/postgres_schema.h"

namespace saccade::record {
namespace {

constexpr const char* kCopy = "COPY saccade.predictions FROM STDIN (FORMAT binary)";
constexpr const char* kCopyAside = "COPY incoming FROM STDIN (FORMAT binary)";
constexpr const char* kTakeNew =
    "INSERT INTO saccade.predictions SELECT * FROM incoming ON CONFLICT DO NOTHING; COMMIT";
constexpr const char* kAside =
    "CREATE TEMPORARY TABLE IF NOT EXISTS incoming(LIKE saccade.predictions) ON COMMIT DELETE ROWS";

// Later feedback stays, in whichever order the two come.
constexpr const char* kFeedback =
    "WITH given AS (SELECT model, version, result FROM saccade.predictions WHERE created_at = $1 AND id = "
    "$2),"
    "before AS (SELECT 1 FROM saccade.feedback WHERE created_at = $1 AND id = $2),"
    "put AS (INSERT INTO saccade.feedback AS f (id, created_at, given_at, truth, weight, comment)"
    " SELECT $2::uuid, $1::timestamptz, $3::timestamptz, $4::json, $5::double precision, $6::text FROM given"
    " ON CONFLICT (created_at, id) DO UPDATE SET given_at = EXCLUDED.given_at, truth = EXCLUDED.truth,"
    " weight = EXCLUDED.weight, comment = EXCLUDED.comment WHERE f.given_at <= EXCLUDED.given_at) "
    "SELECT model, version, result, EXISTS(SELECT 1 FROM before) FROM given";

constexpr const char* kModelOf = "SELECT model FROM saccade.predictions WHERE created_at = $1 AND id = $2";

constexpr const char* kUniqueViolation = "23505";
constexpr const char* kNoPartition = "23514";

std::set<std::int64_t> days_in(std::span<const RowView> rows) {
  std::set<std::int64_t> days;
  std::int64_t last = -1;
  for (const RowView& row : rows) {
    const std::int64_t day = day_of(created_at(row.id));
    if (day != last) days.insert(day);
    last = day;
  }
  return days;
}

}  // namespace

PostgresResult<std::unique_ptr<PostgresTable>> PostgresTable::open(const PostgresAddress& address,
                                                                   base::Duration patience,
                                                                   PostgresConnection::GiveUp give_up,
                                                                   bool migrate) {
  auto connection = PostgresConnection::open(address, patience, std::move(give_up));
  if (!connection) return std::unexpected(connection.error());
  if (auto prepared = prepare_session(**connection); !prepared) return std::unexpected(prepared.error());
  if (migrate) {
    if (auto migrated = migrate_schema(**connection); !migrated) return std::unexpected(migrated.error());
  }
  if (auto made = (*connection)->run(std::string(kAside), patience); !made)
    return std::unexpected(made.error());
  return std::unique_ptr<PostgresTable>(new PostgresTable(std::move(*connection)));
}

PostgresResult<void> PostgresTable::ensure_days(const std::set<std::int64_t>& days) {
  std::set<std::int64_t> missing;
  for (const std::int64_t day : days) {
    if (!days_.contains(day)) missing.insert(day);
  }
  if (missing.empty()) return {};
  if (auto made = make_partitions(*connection_, missing); !made) return made;
  days_.merge(missing);
  return {};
}

PostgresResult<PostgresTable::Refused> PostgresTable::insert(std::span<const RowView> rows,
                                                             base::Duration patience) {
  Refused refused;
  if (auto put = put_what_fits(&PostgresTable::copy, rows, 0, patience, refused); !put) {
    return std::unexpected(put.error());
  }
  return refused;
}

PostgresResult<PostgresTable::Refused> PostgresTable::insert_new_ones(std::span<const RowView> rows,
                                                                      base::Duration patience) {
  Refused refused;
  if (auto put = put_what_fits(&PostgresTable::merge, rows, 0, patience, refused); !put) {
    return std::unexpected(put.error());
  }
  return refused;
}

// Where the data of one row is at fault, halves find out which.
PostgresResult<void> PostgresTable::put_what_fits(Way way, std::span<const RowView> rows, std::size_t first,
                                                  base::Duration patience, Refused& refused) {
  auto stored = put(way, rows, patience);
  if (stored || !stored.error().of_data()) return stored;
  if (rows.size() == 1) {
    refused.emplace_back(first, base::Error{base::Code::kInternal, stored.error().error.message +
                                                                       ": prediction " + rows[0].id.text()});
    return {};
  }
  const std::size_t half = rows.size() / 2;
  // Halves may come again as a whole, should the second fail for another reason.
  if (auto left = put_what_fits(&PostgresTable::merge, rows.first(half), first, patience, refused); !left)
    return left;
  return put_what_fits(&PostgresTable::merge, rows.subspan(half), first + half, patience, refused);
}

PostgresResult<void> PostgresTable::put(Way way, std::span<const RowView> rows, base::Duration patience) {
  if (auto there = ensure_days(days_in(rows)); !there) return there;
  auto stored = (this->*way)(rows, patience);
  if (!stored && stored.error().state == kNoPartition) {
    forget_days();
    if (auto there = ensure_days(days_in(rows)); !there) return there;
    stored = (this->*way)(rows, patience);
  }
  if (!stored && stored.error().state == kUniqueViolation) stored = merge(rows, patience);
  return stored;
}

PostgresResult<void> PostgresTable::copy(std::span<const RowView> rows, base::Duration patience) {
  CopyRows copy;
  for (const RowView& row : rows) copy.add(row);
  auto copied = connection_->copy_in(kCopy, copy.finish(), patience);
  if (!copied) return std::unexpected(copied.error());
  return {};
}

PostgresResult<void> PostgresTable::merge(std::span<const RowView> rows, base::Duration patience) {
  CopyRows copy;
  for (const RowView& row : rows) copy.add(row);
  if (auto begun = connection_->run(std::string("BEGIN"), patience); !begun)
    return std::unexpected(begun.error());
  if (auto copied = connection_->copy_in(kCopyAside, copy.finish(), patience); !copied)
    return roll_back(copied.error());
  if (auto taken = connection_->run(std::string(kTakeNew), patience); !taken) return roll_back(taken.error());
  return {};
}

PostgresResult<void> PostgresTable::roll_back(PostgresError error) {
  if (!connection_->lost()) (void)connection_->run(std::string("ROLLBACK"), std::chrono::seconds(1));
  return std::unexpected(std::move(error));
}

// ---- feedback

PostgresResult<std::vector<LogStore::Outcome>> PostgresTable::insert_feedback(
    std::span<const Feedback* const> feedback, base::Duration patience) {
  std::vector<LogStore::Outcome> outcomes;
  if (auto begun = connection_->run(std::string("BEGIN"), patience); !begun)
    return std::unexpected(begun.error());
  bool together = true;
  for (const Feedback* given : feedback) {
    auto outcome = insert_one(*given, patience);
    if (!outcome) {
      if (!outcome.error().of_data()) {
        (void)roll_back(outcome.error());
        return std::unexpected(outcome.error());
      }
      together = false;
      break;
    }
    outcomes.push_back(std::move(*outcome));
  }
  if (together) {
    if (auto ended = connection_->run(std::string("COMMIT"), patience); !ended)
      return std::unexpected(ended.error());
    return outcomes;
  }
  // One of them can't be stored: each for itself.
  if (auto ended = connection_->run(std::string("ROLLBACK"), patience); !ended)
    return std::unexpected(ended.error());
  outcomes.clear();
  for (const Feedback* given : feedback) {
    auto outcome = insert_one(*given, patience);
    if (!outcome && !outcome.error().of_data()) return std::unexpected(outcome.error());
    if (outcome) {
      outcomes.push_back(std::move(*outcome));
    } else {
      outcomes.emplace_back(base::invalid_argument(outcome.error().error.message));
    }
  }
  return outcomes;
}

PostgresResult<LogStore::Outcome> PostgresTable::insert_one(const Feedback& feedback,
                                                            base::Duration patience) {
  using Connection = PostgresConnection;
  if (feedback.by) {
    auto model = connection_->run(
        kModelOf, {Connection::binary_time(created_at(feedback.id)), Connection::binary(feedback.id)},
        patience);
    if (!model) return std::unexpected(model.error());
    if (model->size() == 0 || !feedback.may_speak_of(model->text(0, 0)))
      return LogStore::Outcome(std::nullopt);
  }
  auto rows = connection_->run(
      kFeedback,
      {Connection::binary_time(created_at(feedback.id)), Connection::binary(feedback.id),
       Connection::binary_time(feedback.unix_micros), feedback.truth, Connection::binary(feedback.weight),
       feedback.comment.empty() ? Connection::Parameter() : Connection::Parameter(feedback.comment)},
      patience);
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() == 0) return LogStore::Outcome(std::nullopt);
  return LogStore::Outcome(FeedbackOutcome{.model = rows->text(0, 0),
                                           .version = rows->text(0, 1),
                                           .result = rows->text(0, 2),
                                           .first = !rows->truth(0, 3)});
}

}  // namespace saccade::record
