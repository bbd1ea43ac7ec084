#include "record/sqlite_database.h"

#include <algorithm>
#include <cstring>
#include <system_error>

namespace saccade::record {

std::string naming(const std::filesystem::path& path) {
  return "prediction log " + path.string() + ": ";
}

namespace {

std::string moved_away(const std::filesystem::path& path) {
  return "move it away (with " + path.filename().string() + "-wal and -shm) or name another file";
}

std::string system_reason(int error_number) {
  return error_number == 0 ? std::string() : " (" + std::generic_category().message(error_number) + ")";
}

// SQLite calls them all "disk I/O error".
std::string failed_operation(int code) {
  switch (code) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
      return " while reading";
    case SQLITE_IOERR_WRITE:
      return " while writing";
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
      return " while syncing";
    case SQLITE_IOERR_TRUNCATE:
      return " while truncating";
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMLOCK:
    case SQLITE_IOERR_SHMMAP:
      return " in the -shm file";
    default:
      return " (code " + std::to_string(code) + ")";
  }
}

base::Error describe(sqlite3* handle, const std::filesystem::path& path) {
  const int code = sqlite3_extended_errcode(handle);
  const std::string detail = sqlite3_errmsg(handle);
  const std::string reason = system_reason(sqlite3_system_errno(handle));
  const auto say = [&](base::Code canonical, const std::string& text) {
    return base::Error{canonical, naming(path) + text};
  };
  switch (code & 0xFF) {
    case SQLITE_CANTOPEN:
      return say(base::Code::kUnavailable,
                 "can't be opened" + reason +
                     "; its directory must exist and be writable, for the file itself "
                     "and for its -wal and -shm companions");
    case SQLITE_NOTADB:
      return say(base::Code::kInvalidArgument, "is not a SQLite database; " + moved_away(path));
    case SQLITE_CORRUPT:
      return say(base::Code::kUnavailable, "is damaged (" + detail + "); " + moved_away(path) +
                                               "; \"sqlite3 FILE .recover\" saves what can be read");
    case SQLITE_READONLY:
      return say(base::Code::kUnavailable,
                 "can't be written (" + detail +
                     "); the file, its directory and its file system must be writable "
                     "for the server's user");
    case SQLITE_FULL:
      return say(base::Code::kUnavailable, "the disk or the database is full; make room");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(base::Code::kUnavailable, "is locked by another process; end the transaction that holds it");
    case SQLITE_IOERR:
      return say(
          base::Code::kUnavailable,
          detail + failed_operation(code) + reason +
              "; see whether the disk is in order and has room, and that no limit of file sizes is in force");
    default:
      return say(base::Code::kInternal, detail + reason);
  }
}

}  // namespace

std::string Statement::text(int column) const {
  const auto* begin = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (begin == nullptr) return {};
  return {begin, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

base::Uuid Statement::uuid(int column) const {
  base::Uuid id;
  const void* begin = sqlite3_column_blob(handle_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
  if (begin != nullptr) std::memcpy(id.bytes.data(), begin, std::min(size, id.bytes.size()));
  return id;
}

base::Result<Database> Database::open(const std::filesystem::path& path, int flags,
                                      std::chrono::milliseconds busy_timeout) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle, path);
  if (handle == nullptr) return base::fail(base::Code::kInternal, naming(path) + "out of memory");
  sqlite3_extended_result_codes(handle, 1);
  if (code != SQLITE_OK) return std::unexpected(database.error());
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
  return database;
}

base::Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK) {
    return std::unexpected(error());
  }
  return Statement(statement);
}

base::Status Database::run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return std::unexpected(error());
  return {};
}

void Database::roll_back() {
  if (in_transaction()) sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

base::Result<std::int64_t> Database::number(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const int code = statement->step();
  if (code == SQLITE_ROW) return statement->number(0);
  if (code == SQLITE_DONE) return 0;
  return std::unexpected(error());
}

base::Result<std::string> Database::text(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const int code = statement->step();
  if (code == SQLITE_ROW) return statement->text(0);
  if (code == SQLITE_DONE) return std::string();
  return std::unexpected(error());
}

base::Error Database::error() const {
  return describe(handle_.get(), path_);
}

}  // namespace saccade::record
