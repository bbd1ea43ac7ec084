#include "record/sqlite_file.h"

#include <utility>

#include "observe/log.h"
#include "record/sqlite_database.h"

namespace saccade::record {
namespace {

// Retention works so long between two commits, and begins so often.
constexpr auto kRetentionSlice = std::chrono::milliseconds(5);
constexpr auto kRetentionInterval = std::chrono::milliseconds(200);

}  // namespace

SqliteFile::SqliteFile(FileOptions options, std::unique_ptr<SqliteStore> store, SqliteReader& reader,
                       LogMetrics& metrics)
    : options_(std::move(options)),
      reader_(reader),
      metrics_(metrics),
      store_(std::move(store)),
      retention_(options_.retention_age, options_.retention_bytes, metrics) {}

std::string SqliteFile::naming() const {
  return record::naming(options_.store.path);
}

base::Status SqliteFile::open() {
  if (store_) return {};
  auto opened = SqliteStore::open(options_.store);
  if (!opened) return std::unexpected(opened.error());
  store_ = std::move(*opened);
  return {};
}

base::Status SqliteFile::tidy(const std::function<bool()>& hurry) {
  const base::TimePoint now = base::now();
  if (now >= next_look_) {
    next_look_ = now + options_.look_interval;
    if (base::Status looked = look(); !looked) return looked;
  }
  if (!store_) return {};
  base::Status status;
  if (store_->checkpoint_due()) status = store_->checkpoint();
  if (now >= next_retention_) {
    next_retention_ = now + kRetentionInterval;
    if (options_.retention_age.count() > 0 || options_.retention_bytes > 0) retention_.begin();
  }
  // At least one step, so that a queue that always has somebody waiting does not stop it.
  for (bool more = status.has_value() && retention_.busy(); more;) {
    status = retention_.step(*store_);
    more = status && retention_.busy() && !hurry() && base::now() < now + kRetentionSlice;
  }
  return status;
}

base::Status SqliteFile::look() {
  if (!store_) return {};
  if (store_->displaced()) {
    observe::log_warning("{}was moved away or removed while in use; a new file is begun", naming());
    reader_.drop_connections();
    store_.reset();
    return open();
  }
  if (const auto size = store_->size()) metrics_.database_bytes.set(size->bytes());
  return {};
}

void SqliteFile::close() {
  if (store_) {  // readers of other processes may keep SQLite from its own at the close
    if (auto moved = store_->checkpoint(); !moved)
      observe::log_warning("{} (at the close)", moved.error().message);
  }
  store_.reset();
}

}  // namespace saccade::record
