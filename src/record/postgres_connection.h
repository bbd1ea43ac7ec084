// A cover over libpq: one connection to a PostgreSQL server, whose calls end in time.
//
// Every call takes how long it may last. One that is not over by then, or that the network ended, leaves the
// connection lost(): what it did is not known, and the connection is of no more use. Other errors are the
// server's: its SQLSTATE says which ("23505": the key is there already).
//
// Belongs to one thread at a time. Only open() may take longer than it is given: by as long as the system
// takes to look up the host's name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

namespace saccade::record {

// What a URL says: checked, and how messages call it, without the password.
struct PostgresAddress {
  std::string url;
  std::string name;  // "PostgreSQL localhost:5432/predictions"

  static base::Result<PostgresAddress> parse(const std::string& url);
};

struct PostgresError {
  base::Error error;
  std::string state = {};  // SQLSTATE; empty: not the server's
  bool lost = false;       // the connection is

  // A value that the column's type or one of its conditions does not take: the row's own fault.
  bool of_data() const { return state.starts_with("22") || state == "23502" || state == "23514"; }
};

template <typename T>
using PostgresResult = std::expected<T, PostgresError>;

class PostgresConnection {
 public:
  // Called some fifty times a second while a call waits; true ends the wait.
  using GiveUp = std::function<bool()>;

  static PostgresResult<std::unique_ptr<PostgresConnection>> open(const PostgresAddress& address,
                                                                  base::Duration patience,
                                                                  GiveUp give_up = {});
  // After a failed open(): whether a server answers there, so that it is the URL, the user or the database
  // that is wrong. Takes a few seconds at most.
  static bool server_answers(const PostgresAddress& address);

  // A parameter in PostgreSQL's binary form; nothing: NULL.
  using Parameter = std::optional<std::string>;
  static std::string binary(const base::Uuid& id) {
    return std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  }
  static std::string binary_time(std::int64_t unix_micros);  // timestamptz
  static std::string binary(std::int64_t number);            // bigint
  static std::string binary(double number);                  // double precision

  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  class Rows {
   public:
    explicit Rows(PGresult* result) : result_(result) {}
    int size() const { return PQntuples(result_.get()); }
    bool null(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
    std::string text(int row, int column) const {
      return {PQgetvalue(result_.get(), row, column),
              static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    std::int64_t number(int row, int column) const;
    double real(int row, int column) const;
    bool truth(int row, int column) const { return text(row, column) == "t"; }
    // Rows that the statement inserted, changed or deleted.
    std::int64_t affected() const;

   private:
    std::unique_ptr<PGresult, Clear> result_;
  };

  // Text parameters stand as text in the statement's types, binary ones as `binary` made them: all are sent
  // in binary, which for text, json and uuid is the bytes themselves.
  PostgresResult<Rows> run(const char* sql, const std::vector<Parameter>& parameters,
                           base::Duration patience);
  // Several statements without parameters; the last one's rows.
  PostgresResult<Rows> run(const std::string& sql, base::Duration patience);
  // COPY … FROM STDIN with this data.
  PostgresResult<std::int64_t> copy_in(const char* sql, std::string_view data, base::Duration patience);

  bool lost() const { return lost_; }
  void set_give_up(GiveUp give_up) { give_up_ = std::move(give_up); }
  const std::string& name() const { return name_; }
  // The server's version, as in 150018.
  int server_version() const { return PQserverVersion(handle_.get()); }
  std::string parameter_status(const char* name) const;

 private:
  struct Finish {
    void operator()(PGconn* handle) const { PQfinish(handle); }
  };
  PostgresConnection(PGconn* handle, std::string name) : name_(std::move(name)), handle_(handle) {}

  PostgresResult<void> await(bool read, bool write, base::TimePoint until);
  PostgresResult<void> connect(base::TimePoint until);
  PostgresResult<void> flush(base::TimePoint until);
  PostgresResult<std::unique_ptr<PGresult, Clear>> next_result(base::TimePoint until);
  PostgresResult<Rows> last_result(base::TimePoint until);
  PostgresResult<void> send_copy(std::string_view data, base::TimePoint until);
  PostgresError lose(const std::string& what);
  PostgresError server_error(const PGresult* result) const;

  std::string name_;
  std::unique_ptr<PGconn, Finish> handle_;
  GiveUp give_up_;
  bool lost_ = false;
};

}  // namespace saccade::record
