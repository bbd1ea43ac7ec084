#include "record/spill.h"

#include <algorithm>
#include <string>
#include <utility>

#include "record/sqlite_reader.h"

namespace saccade::record {
namespace {

// What a row takes beside its texts.
constexpr std::size_t kRowBytes = 100;
constexpr std::int64_t kShrinkPages = 4'096;

std::size_t weigh(std::span<const Prediction* const> rows) {
  std::size_t bytes = 0;
  for (const Prediction* row : rows) {
    bytes += kRowBytes + row->client_id.size() + row->result.size() + row->input.size();
  }
  return bytes;
}

}  // namespace

base::Result<std::unique_ptr<Spill>> Spill::open(const SpillOptions& options) {
  std::unique_ptr<Spill> spill(new Spill(options));
  const std::lock_guard lock(spill->mutex_);
  if (auto opened = spill->open_store(); !opened) return std::unexpected(opened.error());
  return spill;
}

base::Status Spill::open_store() {
  if (store_) return {};
  auto opened = SqliteStore::open({.path = options_.path,
                                   .sync_every_commit = options_.sync_every_commit,
                                   .exclusive = true,
                                   .busy_timeout = options_.busy_timeout});
  if (!opened) {
    base::Error error = opened.error();
    error.message = "--log-spill, where rows wait for the database server: " + error.message;
    return std::unexpected(std::move(error));
  }
  Database& database = (*opened)->database();
  const std::pair<Statement*, std::string> statements[] = {
      {&find_, row_query("WHERE p.id = ?1")},
      {&list_, row_query("WHERE p.id >= ?1 AND p.time >= ?2 ORDER BY p.id DESC LIMIT ?3")},
      {&list_of_model_,
       row_query("WHERE p.id >= ?1 AND p.time >= ?2 AND model = ?4 ORDER BY p.id DESC LIMIT ?3")},
      {&oldest_, row_query("ORDER BY p.id LIMIT ?1")},
      {&oldest_feedback_,
       "SELECT id, time, truth, weight, comment FROM feedback f "
       "WHERE NOT EXISTS(SELECT 1 FROM predictions p WHERE p.id = f.id) ORDER BY id LIMIT ?1"},
      {&remove_row_, "DELETE FROM predictions WHERE id = ?1"},
      {&remove_feedback_, "DELETE FROM feedback WHERE id = ?1 AND time = ?2"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  const auto rows = database.number("SELECT count(*) FROM predictions");
  const auto feedback = database.number("SELECT count(*) FROM feedback");
  if (!rows || !feedback) return std::unexpected((rows ? feedback : rows).error());
  store_ = std::move(*opened);
  rows_ = *rows;
  feedback_ = *feedback;
  after_change();
  return {};
}

// Statements go before their connection.
base::Error Spill::lose(base::Error error) {
  for (Statement* statement :
       {&find_, &list_, &list_of_model_, &oldest_, &oldest_feedback_, &remove_row_, &remove_feedback_}) {
    *statement = Statement();
  }
  store_.reset();
  return error;
}

void Spill::after_change() {
  if (store_->checkpoint_due()) (void)store_->checkpoint();
  if (empty()) (void)store_->shrink(kShrinkPages);
  if (const auto size = store_->size()) bytes_ = size->used_bytes();
  const auto oldest = store_->database().number("SELECT time FROM predictions ORDER BY id LIMIT 1");
  oldest_micros_ = oldest.value_or(0);
}

// ---- in

base::Result<std::vector<LogStore::Refused>> Spill::append(std::span<const Prediction* const> rows) {
  const std::lock_guard lock(mutex_);
  if (auto opened = open_store(); !opened) return std::unexpected(opened.error());
  if (weigh(rows) > room()) {
    return base::fail(base::Code::kUnavailable, "the spill file " + options_.path.string() + " is full (" +
                                                    std::to_string(rows_) +
                                                    " rows wait for the database server)");
  }
  auto refused = store_->insert(rows, [] {});
  if (!refused) return std::unexpected(lose(std::move(refused.error())));
  rows_ += static_cast<std::int64_t>(rows.size() - refused->size());
  after_change();
  // They are there from a commit of which we were told that it had failed.
  std::erase_if(*refused, [](const auto& row) { return row.second.message.ends_with("is there already"); });
  return refused;
}

base::Result<std::vector<LogStore::Outcome>> Spill::insert_feedback(
    std::span<const Feedback* const> feedback) {
  const std::lock_guard lock(mutex_);
  if (rows_ == 0) return std::vector<LogStore::Outcome>(feedback.size(), LogStore::Outcome(std::nullopt));
  if (auto opened = open_store(); !opened) return std::unexpected(opened.error());
  auto outcomes = store_->insert_feedback(feedback);
  if (!outcomes) return std::unexpected(lose(std::move(outcomes.error())));
  for (const LogStore::Outcome& outcome : *outcomes) {
    const std::optional<FeedbackOutcome> stored = outcome.value_or(std::nullopt);
    if (stored && stored->first) ++feedback_;
  }
  return outcomes;
}

// ---- out

base::Result<std::vector<StoredPrediction>> Spill::query(Statement& statement, std::size_t most_bytes) {
  std::vector<StoredPrediction> rows;
  std::size_t bytes = 0;
  int code = statement.step();
  for (; code == SQLITE_ROW && bytes < most_bytes; code = statement.step()) {
    rows.push_back(read_row(statement));
    bytes += rows.back().result.size() + rows.back().input.size();
  }
  base::Error error;
  if (code != SQLITE_DONE && code != SQLITE_ROW) error = store_->database().error();
  statement.reset();
  if (code != SQLITE_DONE && code != SQLITE_ROW) return std::unexpected(lose(std::move(error)));
  return rows;
}

base::Result<Spill::Batch> Spill::oldest(std::size_t rows, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (auto opened = open_store(); !opened) return std::unexpected(opened.error());
  Batch batch;
  oldest_.bind(1, static_cast<std::int64_t>(rows));
  auto found = query(oldest_, bytes);
  if (!found) return std::unexpected(found.error());
  batch.rows = std::move(*found);
  oldest_feedback_.bind(1, static_cast<std::int64_t>(rows));
  int code = oldest_feedback_.step();
  for (; code == SQLITE_ROW; code = oldest_feedback_.step()) {
    batch.feedback.push_back({.id = oldest_feedback_.uuid(0),
                              .unix_micros = oldest_feedback_.number(1),
                              .truth = oldest_feedback_.text(2),
                              .weight = oldest_feedback_.real(3),
                              .comment = oldest_feedback_.text(4)});
  }
  base::Error error;
  if (code != SQLITE_DONE) error = store_->database().error();
  oldest_feedback_.reset();
  if (code != SQLITE_DONE) return std::unexpected(lose(std::move(error)));
  return batch;
}

base::Status Spill::remove(const Batch& delivered) {
  const std::lock_guard lock(mutex_);
  if (auto opened = open_store(); !opened) return opened;
  if (auto removed = remove_all(delivered); !removed)
    return std::unexpected(lose(std::move(removed.error())));
  after_change();
  return {};
}

base::Status Spill::remove_all(const Batch& delivered) {
  Database& database = store_->database();
  if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
  std::int64_t rows = 0;
  std::int64_t feedback = 0;
  const auto step = [&](Statement& statement, std::int64_t& count) {
    const int code = statement.step();
    if (code == SQLITE_DONE) count += sqlite3_changes(database.handle());
    statement.reset();
    return code == SQLITE_DONE;
  };
  for (const StoredPrediction& row : delivered.rows) {
    remove_row_.bind(1, row.id);
    if (!step(remove_row_, rows)) return std::unexpected(database.error());
  }
  for (const Feedback& given : delivered.feedback) {
    remove_feedback_.bind(1, given.id);
    remove_feedback_.bind(2, given.unix_micros);  // a later one stays
    if (!step(remove_feedback_, feedback)) return std::unexpected(database.error());
  }
  if (auto ended = database.run("COMMIT"); !ended) return ended;
  rows_ -= rows;
  feedback_ -= feedback;
  return {};
}

// ---- looking

base::Result<std::optional<StoredPrediction>> Spill::find(const base::Uuid& id) {
  if (rows_ == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (auto opened = open_store(); !opened) return std::unexpected(opened.error());
  find_.bind(1, id);
  auto rows = query(find_, SIZE_MAX);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

base::Result<std::vector<StoredPrediction>> Spill::list(const Query& query) {
  if (rows_ == 0) return std::vector<StoredPrediction>();
  const std::lock_guard lock(mutex_);
  if (auto opened = open_store(); !opened) return std::unexpected(opened.error());
  Statement& statement = query.model.empty() ? list_ : list_of_model_;
  const base::Uuid first = first_id_since(query.since_micros);
  statement.bind(1, first);
  statement.bind(2, std::max<std::int64_t>(query.since_micros, 0));
  statement.bind(3, query.limit);
  if (!query.model.empty()) statement.bind(4, query.model);
  return this->query(statement, SIZE_MAX);
}

}  // namespace saccade::record
