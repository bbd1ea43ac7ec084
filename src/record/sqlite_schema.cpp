#include "record/sqlite_schema.h"

#include <chrono>
#include <string>
#include <thread>

namespace saccade::record {
namespace {

// Only in an empty database do these two have an effect. A row of up to a quarter of a page is kept in one
// piece, a larger one takes whole pages besides: with inputs of 5 KB, pages of 32 KiB make the file a third
// as large, and the writing four times as fast, as pages of 16 KiB; without inputs they are equal.
// Incremental vacuum lets retention by size give pages back.
constexpr const char* kNewFile = "PRAGMA page_size=32768; PRAGMA auto_vacuum=INCREMENTAL";

constexpr const char* kCreate =
    "CREATE TABLE predictions("
    "id BLOB PRIMARY KEY NOT NULL,"      // UUIDv7, 16 bytes
    "time INTEGER NOT NULL,"             // microseconds since 1970 UTC
    "model TEXT NOT NULL,"               //
    "version TEXT NOT NULL,"             //
    "client_id TEXT,"                    // NULL: the caller gave none
    "result TEXT NOT NULL,"              // a JSON object
    "latency_us INTEGER NOT NULL,"       //
    "input TEXT) WITHOUT ROWID;"         // a JSON object; NULL unless inputs are kept
    "PRAGMA application_id=1398891363";  // kApplicationId
static_assert(kApplicationId == 1398891363);

constexpr const char* kToVersion2 =
    "CREATE TABLE feedback("
    "id BLOB PRIMARY KEY NOT NULL,"  // the prediction's
    "time INTEGER NOT NULL,"         // microseconds since 1970 UTC
    "truth TEXT NOT NULL,"           // as JSON
    "weight REAL NOT NULL,"          //
    "comment TEXT) WITHOUT ROWID;"   // NULL: none
    "PRAGMA user_version=2";
static_assert(kSchemaVersion == 2);

constexpr const char* kColumns =
    "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('predictions') ORDER BY cid)";
constexpr const char* kExpectedColumns = "id,time,model,version,client_id,result,latency_us,input";

enum class Owner : std::uint8_t { kNobody, kSaccade };

base::Error refusal(const Database& database, const std::string& what) {
  return {base::Code::kInvalidArgument, naming(database.path()) + what};
}

base::Status check_shape(Database& database) {
  const auto version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*version > kSchemaVersion) {
    return std::unexpected(refusal(
        database, "was written by a newer Saccade (schema " + std::to_string(*version) + ", this one knows " +
                      std::to_string(kSchemaVersion) + "); use that version or name another file"));
  }
  const auto columns = database.text(kColumns);
  if (!columns) return std::unexpected(columns.error());
  if (*version < 1 || *columns != kExpectedColumns) {
    return std::unexpected(refusal(database, "its table \"predictions\" has been changed: columns " +
                                                 *columns + ", expected " + kExpectedColumns +
                                                 "; name another file"));
  }
  return {};
}

// Whose file it is; an error if it is somebody else's.
base::Result<Owner> owner(Database& database) {
  const auto application = database.number("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  const auto objects = database.number("SELECT count(*) FROM sqlite_schema");
  if (!objects) return std::unexpected(objects.error());
  const auto version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*application == 0 && *objects == 0 && *version == 0) return Owner::kNobody;
  if (*application == kApplicationId) {
    if (auto shape = check_shape(database); !shape) return std::unexpected(shape.error());
    return Owner::kSaccade;
  }
  return std::unexpected(
      refusal(database, "is the database of another application; name a file of the log's own"));
}

// The owner as of one moment: another server may be making the table just now.
base::Result<Owner> owner_now(Database& database) {
  if (auto ran = database.run("BEGIN"); !ran) return std::unexpected(ran.error());
  auto found = owner(database);
  database.roll_back();
  return found;
}

base::Status create(Database& database) {
  if (auto ran = database.run(kNewFile); !ran) return ran;
  if (auto ran = database.run("BEGIN IMMEDIATE"); !ran) return ran;
  const auto found = owner(database);  // again: another server may have been quicker
  base::Status made;
  if (!found) {
    made = std::unexpected(found.error());
  } else if (*found == Owner::kNobody) {
    made = database.run(kCreate);
    if (made) made = database.run(kToVersion2);
  }
  if (made) made = database.run("COMMIT");
  database.roll_back();
  return made;
}

// Another server may be quicker here, too; one that knows only the older version goes on as if nothing had
// happened.
base::Status migrate(Database& database) {
  const auto version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*version == kSchemaVersion) return {};
  if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
  const auto again = database.number("PRAGMA user_version");
  base::Status made = again ? base::Status() : std::unexpected(again.error());
  if (made && *again < 2) made = database.run(kToVersion2);
  if (made) made = database.run("COMMIT");
  database.roll_back();
  return made;
}

// Several servers that make the change at once can make SQLite say "busy" without waiting its time-out.
base::Status use_write_ahead(Database& database) {
  auto mode = database.text("PRAGMA journal_mode=WAL");
  for (int tries = 1; !mode && (sqlite3_errcode(database.handle()) & 0xFF) == SQLITE_BUSY && tries < 10;
       ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    mode = database.text("PRAGMA journal_mode=WAL");
  }
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") {
    return std::unexpected(refusal(database,
                                   "its file system can't share memory between processes, which the "
                                   "write-ahead log needs; put the file on a local disk"));
  }
  return {};
}

}  // namespace

base::Status prepare_schema(Database& database) {
  const auto found = owner_now(database);
  if (!found) return std::unexpected(found.error());
  if (*found == Owner::kNobody) {
    if (auto created = create(database); !created) return created;
  }
  if (auto migrated = migrate(database); !migrated) return migrated;
  return use_write_ahead(database);
}

}  // namespace saccade::record
