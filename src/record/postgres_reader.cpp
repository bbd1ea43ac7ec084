#include "record/postgres_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "record/postgres_schema.h"
#include "record/sqlite_reader.h"

namespace saccade::record {
namespace {

constexpr auto kPatience = std::chrono::seconds(6);  // the server ends a search after five
constexpr auto kConnectPatience = std::chrono::seconds(2);

// One call that the server does not answer is enough: each costs whoever reads two seconds.
constexpr resilience::BreakerSettings kBreaker{.minimum_calls = 1,
                                               .failure_rate = 0.5,
                                               .open_for = std::chrono::seconds(1),
                                               .longest_open = std::chrono::seconds(10),
                                               .probe_successes = 1};

// The rows first and then what was said about them: so a list reads no more than its limit.
std::string select(const std::string& rows) {
  return "SELECT p.id, (extract(epoch FROM answered_at) * 1000000)::bigint, model, version, client_id, "
         "result,"
         "latency_us, input, (extract(epoch FROM given_at) * 1000000)::bigint, truth, weight, comment FROM "
         "(" +
         rows +
         ") p LEFT JOIN LATERAL (SELECT * FROM saccade.feedback f WHERE f.created_at = p.created_at AND f.id "
         "= p.id) f "
         "ON true ORDER BY p.created_at DESC, p.id DESC";
}

StoredPrediction read_row(const PostgresConnection::Rows& rows, int i) {
  StoredPrediction row{.id = base::Uuid::parse(rows.text(i, 0)).value_or(base::Uuid{}),
                       .unix_micros = rows.number(i, 1),
                       .model = rows.text(i, 2),
                       .version = rows.text(i, 3),
                       .client_id = rows.text(i, 4),
                       .result = rows.text(i, 5),
                       .latency_micros = rows.number(i, 6),
                       .input = rows.text(i, 7)};
  if (!rows.null(i, 8)) {
    row.feedback = Feedback{.id = row.id,
                            .unix_micros = rows.number(i, 8),
                            .truth = rows.text(i, 9),
                            .weight = rows.real(i, 10),
                            .comment = rows.text(i, 11)};
  }
  return row;
}

}  // namespace

PostgresReader::PostgresReader(PostgresAddress address, observe::Registry& registry)
    : address_(std::move(address)),
      breaker_(std::make_shared<resilience::CircuitBreaker>(kBreaker)),
      breaker_metrics_(registry, "saccade_breaker", {{"service", "postgresql-reads"}}, breaker_) {}

base::Result<std::optional<StoredPrediction>> PostgresReader::find(const base::Uuid& id) {
  auto rows = query(select("SELECT * FROM saccade.predictions WHERE created_at = $1 AND id = $2"),
                    {PostgresConnection::binary_time(created_at(id)), PostgresConnection::binary(id)});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

base::Result<std::vector<StoredPrediction>> PostgresReader::list(const Query& query) {
  if (query.limit < 1) {
    return base::invalid_argument("limit: got " + std::to_string(query.limit) + ", the least is 1");
  }
  const std::int64_t since = std::max<std::int64_t>(query.since_micros, 0);
  Parameters parameters{PostgresConnection::binary_time(created_at(first_id_since(since))),
                        PostgresConnection::binary_time(since), PostgresConnection::binary(query.limit)};
  std::string where = "created_at >= $1 AND answered_at >= $2";
  if (!query.model.empty()) {
    where += " AND model = $4";
    parameters.emplace_back(query.model);
  }
  return this->query(select("SELECT * FROM saccade.predictions WHERE " + where +
                            " ORDER BY created_at DESC, id DESC LIMIT $3"),
                     parameters);
}

base::Result<std::vector<StoredPrediction>> PostgresReader::query(const std::string& sql,
                                                                  const Parameters& parameters) {
  const std::lock_guard lock(mutex_);
  const base::TimePoint now = base::now();
  const auto retry_after = [&] {
    return std::chrono::ceil<std::chrono::milliseconds>(breaker_->retry_after(base::now()));
  };
  if (!breaker_->allow(now)) {
    return std::unexpected(
        base::Error{base::Code::kUnavailable, address_.name + ": away; try again later", retry_after()});
  }
  // A connection that was good may have ended unseen; a new one may not.
  const bool used = connection_ != nullptr;
  auto rows = try_query(sql, parameters);
  if (!rows && rows.error().lost && used && base::now() < now + kConnectPatience)
    rows = try_query(sql, parameters);
  const base::TimePoint ended = base::now();
  breaker_->record(ended, ended - now, rows || !rows.error().lost);
  if (rows) return std::move(*rows);
  base::Error error = std::move(rows.error().error);
  if (rows.error().lost) {
    error.retry_after = std::max<std::chrono::milliseconds>(retry_after(), std::chrono::milliseconds(1));
  } else if (error.code == base::Code::kDeadlineExceeded) {
    error.message += "; ask for a later \"since\" or leave out the model";
  }
  return std::unexpected(std::move(error));
}

PostgresResult<std::vector<StoredPrediction>> PostgresReader::try_query(const std::string& sql,
                                                                        const Parameters& parameters) {
  if (!connection_) {
    auto opened = PostgresConnection::open(address_, kConnectPatience);
    if (!opened) return std::unexpected(opened.error());
    auto prepared = prepare_session(**opened);
    if (prepared) {
      auto set = (*opened)->run(
          std::string("SET statement_timeout='5s'; SET default_transaction_read_only=on"), kConnectPatience);
      if (!set) prepared = std::unexpected(set.error());
    }
    if (!prepared) return std::unexpected(prepared.error());
    connection_ = std::move(*opened);
  }
  auto found = connection_->run(sql.c_str(), parameters, kPatience);
  if (connection_->lost()) connection_.reset();
  if (!found) return std::unexpected(found.error());
  std::vector<StoredPrediction> rows;
  rows.reserve(static_cast<std::size_t>(found->size()));
  for (int i = 0; i < found->size(); ++i) rows.push_back(read_row(*found, i));
  return rows;
}

}  // namespace saccade::record
