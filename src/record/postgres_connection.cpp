#include "record/postgres_connection.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <string>
#include <utility>

namespace saccade::record {
namespace {

constexpr auto kLookAround = std::chrono::milliseconds(20);
constexpr std::size_t kCopyPiece = 64 << 10;
// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
constexpr std::int64_t kEpochMicros = 946'684'800'000'000;

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::pair<Options, std::string> parse_options(const std::string& url) {
  char* reason = nullptr;
  Options options(PQconninfoParse(url.c_str(), &reason));
  std::string text = reason == nullptr ? "" : without_line_end(reason);
  PQfreemem(reason);
  return {std::move(options), std::move(text)};
}

constexpr const char* kUnreadableUser = "its user or password can't be read; write special characters as %XX";

// The URL with "x" for what may be a password, so that libpq's reason can be shown.
std::string without_secrets(std::string url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) return url;
  const std::size_t first = begin + 3;
  const std::size_t at = url.rfind('@');
  if (at != std::string::npos && at > first) {
    const std::size_t colon = url.find(':', first);
    if (colon < at) url.replace(colon, at - colon, ":x");
  }
  for (std::size_t key = url.find("password="); key != std::string::npos;
       key = url.find("password=", key + 10)) {
    url.replace(key + 9, url.find('&', key) - key - 9, "x");
  }
  return url;
}

std::string big_endian(std::uint64_t number) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (56 - 8 * i));
  return bytes;
}

}  // namespace

// ---- the address

base::Result<PostgresAddress> PostgresAddress::parse(const std::string& url) {
  const auto [options, reason] = parse_options(url);
  if (!options) {
    const auto [redacted, said] = parse_options(without_secrets(url));
    return base::invalid_argument("log URL: " + (redacted ? std::string(kUnreadableUser) : said));
  }
  // A password with a bare slash would be taken for a port and a database, and shown as such.
  const std::size_t host_begin = url.find("://");
  const std::size_t at = url.rfind('@', url.find('?'));
  if (host_begin != std::string::npos && at != std::string::npos && url.find('/', host_begin + 3) < at) {
    return base::invalid_argument(std::string("log URL: ") + kUnreadableUser);
  }
  std::string host = "localhost", port = "5432", database;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || option->val[0] == '\0') continue;
    const std::string_view key = option->keyword;
    if (key == "host") host = option->val;
    if (key == "port") port = option->val;
    if (key == "dbname") database = option->val;
  }
  return PostgresAddress{.url = url, .name = "PostgreSQL " + host + ":" + port + "/" + database};
}

bool PostgresConnection::server_answers(const PostgresAddress& address) {
  const char* const keys[] = {"connect_timeout", "dbname", nullptr};
  const char* const values[] = {"2", address.url.c_str(), nullptr};
  return PQpingParams(keys, values, 1) == PQPING_OK;
}

// ---- opening

PostgresResult<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const PostgresAddress& address,
                                                                             base::Duration patience,
                                                                             GiveUp give_up) {
  // What stands behind the URL goes before what it says; what stands in front does not.
  const char* const keys[] = {"fallback_application_name", "dbname", "client_encoding", nullptr};
  const char* const values[] = {"saccade", address.url.c_str(), "UTF8", nullptr};
  std::unique_ptr<PostgresConnection> connection(
      new PostgresConnection(PQconnectStartParams(keys, values, 1), address.name));
  if (!connection->handle_) return std::unexpected(connection->lose("out of memory"));
  connection->set_give_up(std::move(give_up));
  if (auto connected = connection->connect(base::now() + patience); !connected)
    return std::unexpected(connected.error());
  PQsetnonblocking(connection->handle_.get(), 1);
  PQsetNoticeProcessor(connection->handle_.get(), [](void*, const char*) {}, nullptr);  // not to stderr
  return connection;
}

PostgresResult<void> PostgresConnection::connect(base::TimePoint until) {
  if (PQstatus(handle_.get()) == CONNECTION_BAD) return std::unexpected(lose(PQerrorMessage(handle_.get())));
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) return std::unexpected(lose(PQerrorMessage(handle_.get())));
    if (auto ready = await(next == PGRES_POLLING_READING, next == PGRES_POLLING_WRITING, until); !ready)
      return ready;
    next = PQconnectPoll(handle_.get());
  }
  return {};
}

std::string PostgresConnection::parameter_status(const char* name) const {
  const char* value = PQparameterStatus(handle_.get(), name);
  return value == nullptr ? "" : value;
}

// ---- parameters and rows

std::string PostgresConnection::binary_time(std::int64_t unix_micros) {
  return big_endian(static_cast<std::uint64_t>(unix_micros - kEpochMicros));
}

std::string PostgresConnection::binary(std::int64_t number) {
  return big_endian(static_cast<std::uint64_t>(number));
}

std::string PostgresConnection::binary(double number) {
  return big_endian(std::bit_cast<std::uint64_t>(number));
}

std::int64_t PostgresConnection::Rows::number(int row, int column) const {
  return std::strtoll(PQgetvalue(result_.get(), row, column), nullptr, 10);
}

double PostgresConnection::Rows::real(int row, int column) const {
  return std::strtod(PQgetvalue(result_.get(), row, column), nullptr);
}

std::int64_t PostgresConnection::Rows::affected() const {
  return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

// ---- waiting

PostgresResult<void> PostgresConnection::await(bool read, bool write, base::TimePoint until) {
  pollfd socket{.fd = PQsocket(handle_.get()),
                .events = static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)),
                .revents = 0};
  while (true) {
    const base::TimePoint now = base::now();
    if (now >= until) return std::unexpected(lose("no answer in time"));
    if (give_up_ && give_up_()) return std::unexpected(lose("no answer in time (given up early)"));
    base::Duration wait = until - now;
    if (give_up_) wait = std::min<base::Duration>(wait, kLookAround);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(wait + std::chrono::microseconds(999)).count();
    const int ready = ::poll(&socket, 1, static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return std::unexpected(lose("poll failed"));
  }
}

PostgresResult<void> PostgresConnection::flush(base::TimePoint until) {
  while (true) {
    const int left = PQflush(handle_.get());
    if (left == 0) return {};
    if (left < 0) return std::unexpected(lose(PQerrorMessage(handle_.get())));
    // The server may have to be heard before it goes on listening.
    if (auto ready = await(true, true, until); !ready) return ready;
    if (PQconsumeInput(handle_.get()) == 0) return std::unexpected(lose(PQerrorMessage(handle_.get())));
  }
}

PostgresResult<std::unique_ptr<PGresult, PostgresConnection::Clear>> PostgresConnection::next_result(
    base::TimePoint until) {
  while (PQisBusy(handle_.get()) == 1) {
    if (auto ready = await(true, false, until); !ready) return std::unexpected(ready.error());
    if (PQconsumeInput(handle_.get()) == 0) return std::unexpected(lose(PQerrorMessage(handle_.get())));
  }
  return std::unique_ptr<PGresult, Clear>(PQgetResult(handle_.get()));
}

// Takes the results to their end; the first error among them counts.
PostgresResult<PostgresConnection::Rows> PostgresConnection::last_result(base::TimePoint until) {
  std::unique_ptr<PGresult, Clear> last;
  std::optional<PostgresError> error;
  while (true) {
    auto result = next_result(until);
    if (!result) return std::unexpected(result.error());
    if (!*result) break;
    const ExecStatusType status = PQresultStatus(result->get());
    if (status == PGRES_FATAL_ERROR && !error) error = server_error(result->get());
    if (status == PGRES_COPY_IN && !error) break;  // copy_in() goes on
    last = std::move(*result);
  }
  if (PQstatus(handle_.get()) == CONNECTION_BAD) return std::unexpected(lose(PQerrorMessage(handle_.get())));
  if (error) return std::unexpected(std::move(*error));
  return Rows(last.release());
}

// ---- running

PostgresResult<PostgresConnection::Rows> PostgresConnection::run(const char* sql,
                                                                 const std::vector<Parameter>& parameters,
                                                                 base::Duration patience) {
  const base::TimePoint until = base::now() + patience;
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> formats(parameters.size(), 1);
  for (const Parameter& parameter : parameters) {
    values.push_back(parameter ? parameter->data() : nullptr);
    lengths.push_back(parameter ? static_cast<int>(parameter->size()) : 0);
  }
  if (PQsendQueryParams(handle_.get(), sql, static_cast<int>(parameters.size()), nullptr, values.data(),
                        lengths.data(), formats.data(), 0) == 0) {
    return std::unexpected(lose(PQerrorMessage(handle_.get())));
  }
  if (auto flushed = flush(until); !flushed) return std::unexpected(flushed.error());
  return last_result(until);
}

PostgresResult<PostgresConnection::Rows> PostgresConnection::run(const std::string& sql,
                                                                 base::Duration patience) {
  const base::TimePoint until = base::now() + patience;
  if (PQsendQuery(handle_.get(), sql.c_str()) == 0)
    return std::unexpected(lose(PQerrorMessage(handle_.get())));
  if (auto flushed = flush(until); !flushed) return std::unexpected(flushed.error());
  return last_result(until);
}

PostgresResult<std::int64_t> PostgresConnection::copy_in(const char* sql, std::string_view data,
                                                         base::Duration patience) {
  const base::TimePoint until = base::now() + patience;
  if (PQsendQuery(handle_.get(), sql) == 0) return std::unexpected(lose(PQerrorMessage(handle_.get())));
  if (auto flushed = flush(until); !flushed) return std::unexpected(flushed.error());
  if (auto begun = last_result(until); !begun) return std::unexpected(begun.error());
  if (auto sent = send_copy(data, until); !sent) return std::unexpected(sent.error());
  auto rows = last_result(until);
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

PostgresResult<void> PostgresConnection::send_copy(std::string_view data, base::TimePoint until) {
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, kCopyPiece);
    const int taken = PQputCopyData(handle_.get(), piece.data(), static_cast<int>(piece.size()));
    if (taken < 0) return std::unexpected(lose(PQerrorMessage(handle_.get())));
    if (taken > 0) data.remove_prefix(piece.size());
    if (auto flushed = flush(until); !flushed) return flushed;
  }
  int ended = 0;
  while ((ended = PQputCopyEnd(handle_.get(), nullptr)) == 0) {
    if (auto ready = await(true, true, until); !ready) return ready;
  }
  if (ended < 0) return std::unexpected(lose(PQerrorMessage(handle_.get())));
  return flush(until);
}

// ---- errors

PostgresError PostgresConnection::lose(const std::string& what) {
  lost_ = true;
  return {
      .error = {base::Code::kUnavailable, name_ + ": " + without_line_end(what)}, .state = {}, .lost = true};
}

PostgresError PostgresConnection::server_error(const PGresult* result) const {
  const auto field = [&](int which) {
    const char* value = PQresultErrorField(result, which);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string state = field(PG_DIAG_SQLSTATE);
  std::string message = name_ + ": " + without_line_end(field(PG_DIAG_MESSAGE_PRIMARY));
  if (!state.empty()) message += " (SQLSTATE " + state + ")";
  // "57014": its statement_timeout, or somebody, ended it.
  const base::Code code = state == "57014" ? base::Code::kDeadlineExceeded : base::Code::kUnavailable;
  return {.error = {code, std::move(message)}, .state = state, .lost = false};
}

}  // namespace saccade::record
