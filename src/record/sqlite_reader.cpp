#include "record/sqlite_reader.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "record/sqlite_database.h"

namespace saccade::record {
namespace {

constexpr std::size_t kIdleConnections = 4;
constexpr int kStepsBetweenLooks = 10'000;  // of SQLite's machine, well under a millisecond
constexpr std::string_view kSelect =
    "SELECT p.id, p.time, model, version, client_id, result, latency_us, input, f.time, truth, weight, "
    "comment "
    "FROM predictions p LEFT JOIN feedback f ON f.id = p.id ";
constexpr const char* kFind = "WHERE p.id = ?1";
constexpr const char* kList = "WHERE p.id >= ?1 AND p.time >= ?2 ORDER BY p.id DESC LIMIT ?3";
constexpr const char* kListOfModel =
    "WHERE p.id >= ?1 AND p.time >= ?2 AND model = ?4 ORDER BY p.id DESC LIMIT ?3";

}  // namespace

StoredPrediction read_row(const Statement& statement) {
  StoredPrediction row{.id = statement.uuid(0),
                       .unix_micros = statement.number(1),
                       .model = statement.text(2),
                       .version = statement.text(3),
                       .client_id = statement.text(4),
                       .result = statement.text(5),
                       .latency_micros = statement.number(6),
                       .input = statement.text(7)};
  if (!statement.is_null(8)) {
    row.feedback = Feedback{.id = row.id,
                            .unix_micros = statement.number(8),
                            .truth = statement.text(9),
                            .weight = statement.real(10),
                            .comment = statement.text(11)};
  }
  return row;
}

// A row's time is read next to its id but not in the same instant, and ids run ahead of a clock that was set
// back.
base::Uuid first_id_since(std::int64_t unix_micros) {
  constexpr std::int64_t kIdBeforeTimeMicros = 10'000'000;
  return base::Uuid::first_at(std::max<std::int64_t>(unix_micros - kIdBeforeTimeMicros, 0));
}

std::string row_query(std::string_view which) {
  return std::string(kSelect) += which;
}

// One thread's at a time.
class SqliteReader::Connection {
 public:
  static base::Result<std::unique_ptr<Connection>> open(const std::filesystem::path& path,
                                                        std::uint64_t generation) {
    auto database = Database::open(path, SQLITE_OPEN_READONLY, std::chrono::seconds(2));
    if (!database) return std::unexpected(database.error());
    std::unique_ptr<Connection> connection(new Connection(std::move(*database), generation));
    for (const auto& [statement, sql] : {std::pair{&connection->find_, kFind},
                                         {&connection->list_, kList},
                                         {&connection->list_of_model_, kListOfModel}}) {
      auto prepared = connection->database_.prepare(row_query(sql));
      if (!prepared) return std::unexpected(prepared.error());
      *statement = std::move(*prepared);
    }
    sqlite3_progress_handler(connection->database_.handle(), kStepsBetweenLooks, &Connection::out_of_time,
                             connection.get());
    return connection;
  }

  base::Result<std::vector<StoredPrediction>> rows(Statement& statement, base::TimePoint until) {
    until_ = until;
    std::vector<StoredPrediction> rows;
    int code = statement.step();
    for (; code == SQLITE_ROW; code = statement.step()) rows.push_back(read_row(statement));
    base::Error error;
    if (code != SQLITE_DONE) error = database_.error();
    statement.reset();
    if (code == SQLITE_DONE) return rows;
    if ((code & 0xFF) == SQLITE_INTERRUPT) {
      return base::fail(base::Code::kDeadlineExceeded,
                        naming(database_.path()) +
                            "the search took too long and was ended; ask for a later "
                            "\"since\" or leave out the model");
    }
    return std::unexpected(std::move(error));
  }

  Statement& find() { return find_; }
  Statement& list() { return list_; }
  Statement& list_of_model() { return list_of_model_; }
  std::uint64_t generation() const { return generation_; }

 private:
  Connection(Database database, std::uint64_t generation)
      : database_(std::move(database)), generation_(generation) {}
  static int out_of_time(void* self) { return base::now() > static_cast<Connection*>(self)->until_ ? 1 : 0; }

  Database database_;
  Statement find_;
  Statement list_;
  Statement list_of_model_;
  const std::uint64_t generation_;
  base::TimePoint until_;
};

SqliteReader::SqliteReader(std::filesystem::path path, std::chrono::milliseconds longest_search)
    : path_(std::move(path)), longest_search_(longest_search) {}

SqliteReader::~SqliteReader() = default;

base::Result<std::optional<StoredPrediction>> SqliteReader::find(const base::Uuid& id) {
  auto connection = borrow();
  if (!connection) return std::unexpected(connection.error());
  Statement& statement = (*connection)->find();
  statement.bind(1, id);
  auto rows = (*connection)->rows(statement, base::now() + longest_search_);
  give_back(std::move(*connection));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

base::Result<std::vector<StoredPrediction>> SqliteReader::list(const Query& query) {
  if (query.limit < 1) {
    return base::invalid_argument("limit: got " + std::to_string(query.limit) + ", the least is 1");
  }
  auto connection = borrow();
  if (!connection) return std::unexpected(connection.error());
  Statement& statement = query.model.empty() ? (*connection)->list() : (*connection)->list_of_model();
  const std::int64_t since = std::max<std::int64_t>(query.since_micros, 0);
  const base::Uuid first = first_id_since(since);
  statement.bind(1, first);
  statement.bind(2, since);
  statement.bind(3, query.limit);
  if (!query.model.empty()) statement.bind(4, query.model);
  auto rows = (*connection)->rows(statement, base::now() + longest_search_);
  give_back(std::move(*connection));
  return rows;
}

void SqliteReader::drop_connections() {
  std::vector<std::unique_ptr<Connection>> dropped;
  const std::lock_guard lock(mutex_);
  ++generation_;
  dropped.swap(idle_);
}

base::Result<std::unique_ptr<SqliteReader::Connection>> SqliteReader::borrow() {
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    generation = generation_;
  }
  return Connection::open(path_, generation);
}

void SqliteReader::give_back(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleConnections && connection->generation() == generation_) {
    idle_.push_back(std::move(connection));
  }
}

}  // namespace saccade::record
