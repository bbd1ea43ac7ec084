#include "record/sqlite_store.h"

#include <string>
#include <sys/stat.h>
#include <system_error>

#include "record/sqlite_schema.h"

namespace saccade::record {
namespace {

// Files up to this size are read through when they are opened (some tens of milliseconds).
constexpr std::int64_t kCheckedBytes = 16 << 20;
// A checkpoint syncs twice, so not too often; the log is read on the next start, so not too rarely.
constexpr std::int64_t kCheckpointBytes = 16 << 20;

base::Error unusable(const std::filesystem::path& path, const std::string& what) {
  return {base::Code::kInvalidArgument, naming(path) + what};
}

// What SQLite would answer with "unable to open database file" only.
base::Status check_place(const std::filesystem::path& path) {
  std::error_code error;
  const auto parent = path.parent_path();
  const auto directory = std::filesystem::status(parent, error);
  if (directory.type() == std::filesystem::file_type::not_found) {
    return std::unexpected(
        unusable(path, "there is no directory " + parent.string() + "; create it (mkdir -p)"));
  }
  if (directory.type() != std::filesystem::file_type::directory) {
    return std::unexpected(unusable(path, parent.string() + " is not a directory that can be entered"));
  }
  const auto file = std::filesystem::status(path, error);
  if (file.type() == std::filesystem::file_type::directory) {
    return std::unexpected(unusable(path, "is a directory; name a file in it"));
  }
  if (file.type() != std::filesystem::file_type::not_found &&
      file.type() != std::filesystem::file_type::regular) {
    return std::unexpected(unusable(path, "is not a regular file; name one"));
  }
  return {};
}

base::Status check_content(Database& database) {
  const auto pages = database.number("PRAGMA page_count");
  if (!pages) return std::unexpected(pages.error());
  const auto page_bytes = database.number("PRAGMA page_size");
  if (!page_bytes) return std::unexpected(page_bytes.error());
  if (*pages * *page_bytes > kCheckedBytes) return {};
  const auto verdict = database.text("PRAGMA quick_check(1)");
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict == "ok") return {};
  return base::fail(
      base::Code::kUnavailable,
      naming(database.path()) + "is damaged (" + *verdict +
          "); move it away or name another file; \"sqlite3 FILE .recover\" saves what can be read");
}

base::Status check_writable(Database& database) {
  if (database.read_only()) {
    return base::fail(
        base::Code::kUnavailable,
        naming(database.path()) +
            "can't be written; the file and its file system must be writable for the server's user");
  }
  if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
  database.roll_back();
  return {};
}

int note_log_pages(void* pages, sqlite3* /*database*/, const char* /*name*/, int count) {
  *static_cast<std::int64_t*>(pages) = count;
  return SQLITE_OK;
}

}  // namespace

base::Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const StoreOptions& options) {
  if (auto place = check_place(options.path); !place) return std::unexpected(place.error());
  auto database =
      Database::open(options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options.busy_timeout);
  if (!database) return std::unexpected(database.error());
  if (options.exclusive) {
    if (auto taken = database->run("PRAGMA locking_mode=EXCLUSIVE"); !taken)
      return std::unexpected(taken.error());
  }
  if (auto ready = prepare_schema(*database); !ready) return std::unexpected(ready.error());
  if (auto content = check_content(*database); !content) return std::unexpected(content.error());
  // Checkpoints are the writer's own business (below); a log that grew once is cut back; deleted rows are
  // wiped where that costs no extra write.
  auto set = database->run(
      "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-16384; PRAGMA secure_delete=FAST");
  if (set)
    set = database->run(options.sync_every_commit ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  if (set) set = check_writable(*database);
  if (!set) return std::unexpected(set.error());

  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(*database)));
  if (auto prepared = store->prepare(); !prepared) return std::unexpected(prepared.error());
  return store;
}

base::Status SqliteStore::prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&insert_, "INSERT INTO predictions VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"},
      {&commit_, "COMMIT"},
      {&id_after_, "SELECT id FROM predictions ORDER BY id LIMIT 1 OFFSET ?1"},
      {&delete_before_, "DELETE FROM predictions WHERE id < ?1"},
      {&delete_feedback_before_, "DELETE FROM feedback WHERE id < ?1"},
      {&given_on_,
       "SELECT model, version, result, EXISTS(SELECT 1 FROM feedback WHERE id = ?1) FROM predictions WHERE "
       "id = ?1"},
      {&insert_feedback_, "INSERT OR REPLACE INTO feedback VALUES(?1,?2,?3,?4,?5)"},
      {&page_count_, "PRAGMA page_count"},
      {&free_count_, "PRAGMA freelist_count"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  const auto page_bytes = database_.number("PRAGMA page_size");
  if (!page_bytes) return std::unexpected(page_bytes.error());
  page_bytes_ = *page_bytes;
  sqlite3_wal_hook(database_.handle(), note_log_pages, &log_pages_);
  return remember_file();
}

base::Status SqliteStore::remember_file() {
  struct stat file{};
  if (stat(database_.path().c_str(), &file) != 0) {
    return std::unexpected(unusable(database_.path(), "vanished while it was opened"));
  }
  device_ = file.st_dev;
  inode_ = file.st_ino;
  return {};
}

bool SqliteStore::displaced() const {
  struct stat file{};
  if (stat(database_.path().c_str(), &file) != 0) return errno == ENOENT;
  return file.st_dev != device_ || file.st_ino != inode_;
}

base::Result<std::vector<SqliteStore::Refused>> SqliteStore::insert(std::span<const Prediction* const> rows,
                                                                    const std::function<void()>& between) {
  std::vector<Refused> refused;
  base::Status status;
  const auto run = [&](Statement& statement) {
    if (statement.step() != SQLITE_DONE) status = std::unexpected(database_.error());
    statement.reset();
    return status.has_value();
  };
  if (!run(begin_)) {
    database_.roll_back();
    return std::unexpected(status.error());
  }
  for (std::size_t i = 0; i < rows.size() && status; ++i) {
    between();
    status = insert_row(*rows[i], i, refused);
  }
  if (!status || !run(commit_)) {
    database_.roll_back();
    return std::unexpected(status.error());
  }
  return refused;
}

base::Status SqliteStore::insert_row(const Prediction& row, std::size_t place,
                                     std::vector<Refused>& refused) {
  int code = insert_.bind(1, row.id);
  code |= insert_.bind(2, row.unix_micros);
  code |= insert_.bind(3, row.model ? std::string_view(row.model->name) : std::string_view(""));
  code |= insert_.bind(4, row.model ? std::string_view(row.model->version) : std::string_view(""));
  code |= insert_.bind_text_or_null(5, row.client_id);
  code |= insert_.bind(6, row.result);
  code |= insert_.bind(7, row.latency_micros);
  code |= insert_.bind_text_or_null(8, row.input);
  if (code != SQLITE_OK) {  // a text beyond what SQLite takes at all
    refused.emplace_back(place, database_.error());
    return {};
  }
  code = insert_.step();
  base::Status status;
  if (code != SQLITE_DONE) {
    const int kind = code & 0xFF;
    if (kind == SQLITE_CONSTRAINT) {
      refused.emplace_back(place,
                           base::Error{base::Code::kInternal, naming(database_.path()) + "a prediction " +
                                                                  row.id.text() + " is there already"});
    } else if (kind == SQLITE_TOOBIG) {
      refused.emplace_back(place, database_.error());
    } else {
      status = std::unexpected(database_.error());
    }
  }
  insert_.reset();
  return status;
}

base::Result<std::vector<LogStore::Outcome>> SqliteStore::insert_feedback(
    std::span<const Feedback* const> feedback) {
  std::vector<LogStore::Outcome> outcomes;
  base::Status status = database_.run("BEGIN IMMEDIATE");
  for (const Feedback* given : feedback) {
    if (!status) break;
    outcomes.push_back(insert_one(*given));
    if (!outcomes.back()) status = std::unexpected(outcomes.back().error());
  }
  if (status) status = database_.run("COMMIT");
  database_.roll_back();
  if (!status) return std::unexpected(status.error());
  return outcomes;
}

LogStore::Outcome SqliteStore::insert_one(const Feedback& feedback) {
  given_on_.bind(1, feedback.id);
  int code = given_on_.step();
  std::optional<FeedbackOutcome> outcome;
  if (code == SQLITE_ROW) {
    outcome = FeedbackOutcome{.model = given_on_.text(0),
                              .version = given_on_.text(1),
                              .result = given_on_.text(2),
                              .first = given_on_.number(3) == 0};
  }
  base::Error error;
  if (code != SQLITE_ROW && code != SQLITE_DONE) error = database_.error();
  given_on_.reset();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return std::unexpected(std::move(error));
  if (!outcome || !feedback.may_speak_of(outcome->model)) return std::nullopt;
  insert_feedback_.bind(1, feedback.id);
  insert_feedback_.bind(2, feedback.unix_micros);
  insert_feedback_.bind(3, feedback.truth);
  insert_feedback_.bind(4, feedback.weight);
  insert_feedback_.bind_text_or_null(5, feedback.comment);
  code = insert_feedback_.step();
  if (code != SQLITE_DONE) error = database_.error();
  insert_feedback_.reset();
  if (code != SQLITE_DONE) return std::unexpected(std::move(error));
  return outcome;
}

base::Result<std::int64_t> SqliteStore::delete_before(const base::Uuid& id) {
  delete_feedback_before_.bind(1, id);
  if (delete_feedback_before_.step() != SQLITE_DONE) {
    const auto error = database_.error();
    delete_feedback_before_.reset();
    return std::unexpected(error);
  }
  delete_feedback_before_.reset();
  delete_before_.bind(1, id);
  const int code = delete_before_.step();
  const auto changes = static_cast<std::int64_t>(sqlite3_changes(database_.handle()));
  if (code != SQLITE_DONE) {
    const auto error = database_.error();
    delete_before_.reset();
    return std::unexpected(error);
  }
  delete_before_.reset();
  return changes;
}

base::Result<std::optional<base::Uuid>> SqliteStore::id_after(std::int64_t older) {
  id_after_.bind(1, older);
  base::Result<std::optional<base::Uuid>> found(std::nullopt);
  const int code = id_after_.step();
  if (code == SQLITE_ROW) {
    found = id_after_.uuid(0);
  } else if (code != SQLITE_DONE) {
    found = std::unexpected(database_.error());
  }
  id_after_.reset();
  return found;
}

base::Result<SqliteStore::Size> SqliteStore::size() {
  Size size{.page_bytes = page_bytes_};
  for (const auto& [statement, figure] :
       {std::pair{&page_count_, &size.pages}, {&free_count_, &size.free_pages}}) {
    const int code = statement->step();
    if (code == SQLITE_ROW) *figure = statement->number(0);
    const base::Status status = code == SQLITE_ROW ? base::Status() : std::unexpected(database_.error());
    statement->reset();
    if (!status) return std::unexpected(status.error());
  }
  return size;
}

base::Status SqliteStore::shrink(std::int64_t pages) {
  return database_.run(("PRAGMA incremental_vacuum(" + std::to_string(pages) + ")").c_str());
}

bool SqliteStore::checkpoint_due() {
  if (log_pages_ < checkpointed_at_) checkpointed_at_ = 0;  // it has begun anew
  return (log_pages_ - checkpointed_at_) * page_bytes_ >= kCheckpointBytes;
}

base::Status SqliteStore::checkpoint() {
  checkpointed_at_ = log_pages_;
  const int code =
      sqlite3_wal_checkpoint_v2(database_.handle(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED)
    return std::unexpected(database_.error());
  return {};
}

}  // namespace saccade::record
