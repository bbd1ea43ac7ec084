// A thin cover over SQLite's C interface: a connection and a statement that close themselves, and errors that
// name the file and what to do about it.
//
// A connection and its statements belong to one thread at a time (they are opened without SQLite's own lock).
// Statements must be gone before their connection is.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "base/error.h"
#include "base/uuid.h"

namespace saccade::record {

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

  // Parameters count from 1. What is bound is not copied: it has to live until reset(). Each returns SQLite's
  // code.
  int bind(int parameter, std::int64_t value) { return sqlite3_bind_int64(handle_.get(), parameter, value); }
  int bind(int parameter, std::string_view text) {
    return sqlite3_bind_text64(handle_.get(), parameter, text.data(), text.size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  int bind(int parameter, const base::Uuid& id) {
    return sqlite3_bind_blob64(handle_.get(), parameter, id.bytes.data(), id.bytes.size(), SQLITE_STATIC);
  }
  int bind_null(int parameter) { return sqlite3_bind_null(handle_.get(), parameter); }
  int bind_text_or_null(int parameter, std::string_view text) {
    return text.empty() ? bind_null(parameter) : bind(parameter, text);
  }

  // SQLITE_ROW, SQLITE_DONE, or an error.
  int step() { return sqlite3_step(handle_.get()); }
  // Ready for the next use; what was bound stays bound.
  void reset() { sqlite3_reset(handle_.get()); }

  int bind(int parameter, double value) { return sqlite3_bind_double(handle_.get(), parameter, value); }

  // Columns count from 0; valid after a step() that gave SQLITE_ROW.
  std::int64_t number(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  double real(int column) const { return sqlite3_column_double(handle_.get(), column); }
  bool is_null(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
  std::string text(int column) const;
  base::Uuid uuid(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

class Database {
 public:
  // `flags` are sqlite3_open_v2's. `path` is absolute, so that SQLite takes no part of it for a command.
  static base::Result<Database> open(const std::filesystem::path& path, int flags,
                                     std::chrono::milliseconds busy_timeout);

  base::Result<Statement> prepare(std::string_view sql);
  base::Status run(const char* sql);
  // Ends the transaction, if there is one.
  void roll_back();
  // Runs to the first row's first column; 0 where there is no row.
  base::Result<std::int64_t> number(const char* sql);
  base::Result<std::string> text(const char* sql);

  // What went wrong in the last call, for a person: the file, SQLite's reason, the remedy.
  base::Error error() const;
  bool read_only() const { return sqlite3_db_readonly(handle_.get(), "main") == 1; }
  // False after an error that ended the transaction by itself, too.
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

  sqlite3* handle() const { return handle_.get(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  Database(sqlite3* handle, std::filesystem::path path) : path_(std::move(path)), handle_(handle) {}

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// The beginning of every message about this file.
std::string naming(const std::filesystem::path& path);

}  // namespace saccade::record
