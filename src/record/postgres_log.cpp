#include "record/postgres_log.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "observe/log.h"
#include "record/retention.h"

namespace saccade::record {
namespace {

constexpr auto kStartPatience = std::chrono::seconds(5);

}  // namespace

base::Result<std::unique_ptr<PostgresLog>> PostgresLog::open(const PostgresAddress& address,
                                                             const LogOptions& options,
                                                             observe::Registry& registry) {
  if (auto checked = LogIntake::check(options); !checked) return std::unexpected(checked.error());
  if (options.spill_bytes < kLeastRetentionBytes) {
    return base::invalid_argument("--log-spill-max-bytes: got " + std::to_string(options.spill_bytes) +
                                  ", the least is " + std::to_string(kLeastRetentionBytes));
  }
  std::error_code error;
  const auto path = std::filesystem::absolute(options.spill, error);
  if (error)
    return base::fail(base::Code::kUnavailable, "prediction log: no working directory: " + error.message());
  auto spill = Spill::open(
      {.path = path, .max_bytes = options.spill_bytes, .sync_every_commit = options.sync_every_commit});
  if (!spill) return std::unexpected(spill.error());
  auto connections = connect(address, **spill);
  if (!connections) return std::unexpected(connections.error());
  return std::unique_ptr<PostgresLog>(
      new PostgresLog(address, options, std::move(*spill), std::move(*connections), registry));
}

base::Result<PostgresLog::Connections> PostgresLog::connect(const PostgresAddress& address,
                                                            const Spill& spill) {
  Connections connections;
  auto own = PostgresTable::open(address, kStartPatience, {}, true);
  if (!own) {
    base::Error& error = own.error().error;
    if (!own.error().lost || PostgresConnection::server_answers(address)) {
      error.message = "--log: " + error.message;
      return std::unexpected(std::move(error));
    }
    observe::log_warning("{}; predictions are kept in {} and delivered when it is there", error.message,
                         spill.path().string());
    return connections;
  }
  connections.own = std::move(*own);
  if (auto direct = PostgresTable::open(address, kStartPatience, {}, false))
    connections.direct = std::move(*direct);
  return connections;
}

PostgresLog::PostgresLog(const PostgresAddress& address, const LogOptions& options,
                         std::shared_ptr<Spill> spill, Connections connections, observe::Registry& registry)
    : spill_(std::move(spill)),
      intake_(options, "prediction log " + address.name + ": ", WriterOptions().feedback_patience, registry),
      spill_metrics_(registry, spill_),
      reader_(address, registry),
      delivery_({.address = address,
                 .retention_age = options.retention_age,
                 .retention_bytes = options.retention_bytes},
                *spill_, std::move(connections.own), std::move(connections.direct), intake_.metrics(),
                spill_metrics_),
      writer_({.flush_interval = options.flush_interval},
              std::make_unique<PostgresStore>(
                  PostgresStore::Limits{.hurry_rows = std::max<std::size_t>(options.queue_capacity / 2, 1)},
                  *spill_, delivery_, *intake_.queue(), spill_metrics_, registry),
              intake_.queue(), intake_.metrics()) {}

PostgresLog::~PostgresLog() {
  PostgresLog::close();
}

base::Result<std::optional<StoredPrediction>> PostgresLog::find(const base::Uuid& id) {
  if (intake_.queue()->closed()) return std::unexpected(intake_.closed_error());
  auto waiting = spill_->find(id);  // first: what leaves it is in the database by then
  if (waiting && *waiting) return waiting;
  return reader_.find(id);
}

base::Result<std::vector<StoredPrediction>> PostgresLog::list(const Query& query) {
  if (intake_.queue()->closed()) return std::unexpected(intake_.closed_error());
  auto waiting = spill_->list(query);
  if (!waiting) return waiting;
  auto rows = reader_.list(query);
  if (!rows || waiting->empty()) return rows;
  const auto newer = [](const StoredPrediction& a, const StoredPrediction& b) { return a.id > b.id; };
  std::vector<StoredPrediction> all;
  std::ranges::merge(*waiting, *rows, std::back_inserter(all), newer);
  const auto same = [](const StoredPrediction& a, const StoredPrediction& b) { return a.id == b.id; };
  all.erase(std::ranges::unique(all, same).begin(), all.end());
  if (all.size() > static_cast<std::size_t>(query.limit)) all.resize(static_cast<std::size_t>(query.limit));
  return all;
}

void PostgresLog::close() {
  const std::lock_guard lock(close_mutex_);
  intake_.queue()->close();
  writer_.join();
  delivery_.close();
  if (const std::int64_t rows = spill_->rows(); rows > 0) {
    observe::log_warning("{} predictions wait in {} for the database server; the next start delivers them",
                         rows, spill_->path().string());
  }
}

}  // namespace saccade::record
