#include "record/postgres_schema.h"

#include <array>
#include <cstdio>

namespace saccade::record {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr std::int64_t kDayMicros = 86'400'000'000;
// "Saccade" as a number: nobody else's advisory lock.
constexpr const char* kLock = "SELECT pg_advisory_xact_lock(23452834627314789);";

// Each brings the schema from the version of its place to the next; what has been released never changes.
constexpr std::array<const char*, kPostgresVersion> kMigrations = {
    "CREATE TABLE saccade.predictions("
    "id uuid NOT NULL, created_at timestamptz NOT NULL, answered_at timestamptz NOT NULL, model text NOT "
    "NULL,"
    "version text NOT NULL, client_id json, result json NOT NULL, latency_us bigint NOT NULL, input json,"
    "PRIMARY KEY(created_at, id)) PARTITION BY RANGE(created_at);"
    "CREATE TABLE saccade.feedback("
    "id uuid NOT NULL, created_at timestamptz NOT NULL, given_at timestamptz NOT NULL, truth json NOT NULL,"
    "weight double precision NOT NULL, comment text,"
    "PRIMARY KEY(created_at, id)) PARTITION BY RANGE(created_at);",
};

PostgresResult<void> done(const PostgresResult<PostgresConnection::Rows>& ran) {
  if (!ran) return std::unexpected(ran.error());
  return {};
}

// Runs the statements in one transaction of their own.
PostgresResult<void> transact(PostgresConnection& connection, const std::string& sql) {
  auto ran = connection.run("BEGIN;" + sql + "COMMIT", kPatience);
  if (!ran && !connection.lost()) (void)connection.run("ROLLBACK", kPatience);
  return done(ran);
}

std::string date(std::int64_t day) {
  const std::chrono::year_month_day ymd{std::chrono::sys_days{std::chrono::days{day}}};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(ymd.year()),
                static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
  return text.data();
}

// A table that nobody sees yet is made and then attached: that waits for no reader and no writer of the
// others.
std::string partition_sql(const std::string& table, std::int64_t day) {
  const std::string parent = "saccade." + table;
  const std::string name = parent + "_" + partition_suffix(day);
  return "IF to_regclass('" + name + "') IS NULL THEN CREATE TABLE " + name + "(LIKE " + parent +
         " INCLUDING ALL); ALTER TABLE " + parent + " ATTACH PARTITION " + name + " FOR VALUES FROM ('" +
         date(day) + " 00:00:00+00') TO ('" + date(day + 1) + " 00:00:00+00'); END IF;";
}

}  // namespace

std::int64_t created_at(const base::Uuid& id) {
  std::int64_t milliseconds = 0;
  for (std::size_t i = 0; i < 6; ++i) milliseconds = milliseconds << 8 | id.bytes[i];
  return milliseconds * 1000;
}

std::int64_t day_of(std::int64_t unix_micros) {
  return unix_micros / kDayMicros - (unix_micros % kDayMicros < 0 ? 1 : 0);
}

std::string partition_suffix(std::int64_t day) {
  return "p" + date(day);
}

PostgresResult<void> prepare_session(PostgresConnection& connection) {
  const std::string encoding = connection.parameter_status("server_encoding");
  if (encoding != "UTF8") {
    return std::unexpected(
        PostgresError{.error = {base::Code::kInvalidArgument,
                                connection.name() + ": the database's encoding is " + encoding +
                                    ", the log needs UTF8; create it with ENCODING 'UTF8'"}});
  }
  // A server that has lost us lets go of our rows soon.
  std::string sql =
      "SET statement_timeout='30s'; SET idle_in_transaction_session_timeout='30s'; SET "
      "tcp_keepalives_idle=10;"
      "SET tcp_keepalives_interval=5; SET tcp_keepalives_count=3; SET timezone='UTC'; SET datestyle='ISO, "
      "MDY';"
      "SET client_min_messages=warning;";
  if (connection.server_version() >= 140'000) sql += "SET client_connection_check_interval='2s';";
  return done(connection.run(sql, kPatience));
}

PostgresResult<void> migrate_schema(PostgresConnection& connection) {
  const std::string begin =
      std::string("BEGIN;") + kLock +
      "DO $$ BEGIN IF to_regnamespace('saccade') IS NULL THEN CREATE SCHEMA saccade; END IF; END $$;"
      "CREATE TABLE IF NOT EXISTS saccade.schema_version("
      "version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());"
      "SELECT coalesce(max(version), 0) FROM saccade.schema_version";
  auto found = connection.run(begin, kPatience);
  const auto fail = [&](PostgresError error) {
    if (!connection.lost()) (void)connection.run("ROLLBACK", kPatience);
    return std::unexpected(std::move(error));
  };
  if (!found) return fail(found.error());
  const std::int64_t version = found->number(0, 0);
  if (version > kPostgresVersion) {
    return fail(
        {.error = {base::Code::kInvalidArgument,
                   connection.name() + ": the schema was made by a newer Saccade (version " +
                       std::to_string(version) + ", this one knows " + std::to_string(kPostgresVersion) +
                       "); use that version or name another database"}});
  }
  std::string sql;
  for (std::int64_t next = version; next < kPostgresVersion; ++next) {
    sql += kMigrations[static_cast<std::size_t>(next)];
    sql += "INSERT INTO saccade.schema_version(version) VALUES(" + std::to_string(next + 1) + ");";
  }
  if (auto applied = connection.run(sql + "COMMIT", kPatience); !applied) return fail(applied.error());
  return {};
}

PostgresResult<void> make_partitions(PostgresConnection& connection, const std::set<std::int64_t>& days) {
  std::string sql = std::string(kLock) + "DO $$ BEGIN ";
  for (const std::int64_t day : days)
    sql += partition_sql("predictions", day) + partition_sql("feedback", day);
  return transact(connection, sql + " END $$;");
}

PostgresResult<std::vector<Partition>> list_partitions(PostgresConnection& connection) {
  auto rows = connection.run(
      "SELECT (extract(epoch FROM to_date(right(relname, 8), 'YYYYMMDD')) / 86400)::bigint,"
      "coalesce(pg_stat_get_live_tuples(c.oid), 0), pg_total_relation_size(c.oid) +"
      "coalesce(pg_total_relation_size(to_regclass('saccade.feedback_' || right(relname, 9))), 0) "
      "FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
      "WHERE inhparent = 'saccade.predictions'::regclass AND relname ~ '^predictions_p[0-9]{8}$' ORDER BY "
      "relname",
      {}, kPatience);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Partition> partitions;
  partitions.reserve(static_cast<std::size_t>(rows->size()));
  for (int i = 0; i < rows->size(); ++i) {
    partitions.push_back(
        {.day = rows->number(i, 0), .rows = rows->number(i, 1), .bytes = rows->number(i, 2)});
  }
  return partitions;
}

PostgresResult<void> drop_partition(PostgresConnection& connection, std::int64_t day) {
  const std::string suffix = partition_suffix(day);
  return transact(connection, "SET LOCAL lock_timeout='1s';" + std::string(kLock) +
                                  "DROP TABLE IF EXISTS saccade.predictions_" + suffix +
                                  ", saccade.feedback_" + suffix + ";");
}

}  // namespace saccade::record
