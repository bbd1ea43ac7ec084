#include "record/retention.h"

#include <algorithm>
#include <optional>

#include "base/uuid.h"

namespace saccade::record {
namespace {

constexpr std::int64_t kStepRows = 500;            // about a millisecond
constexpr std::int64_t kStepBytes = 256 << 10;     // what a step by size means to free
constexpr std::int64_t kShrinkPages = 32;          // of a step
constexpr std::int64_t kIdleFreeBytes = 16 << 20;  // free room that a file without a size limit may keep

std::int64_t target(std::int64_t limit) {
  return limit - limit / 20;
}

}  // namespace

Retention::Retention(std::chrono::seconds age, std::int64_t bytes, const LogMetrics& metrics)
    : age_(age), bytes_(bytes), metrics_(metrics) {}

base::Status Retention::step(SqliteStore& store) {
  for (const auto part : {&Retention::step_by_age, &Retention::step_by_size, &Retention::step_by_shrinking}) {
    const auto did_something = (this->*part)(store);
    if (!did_something) {
      busy_ = false;
      return std::unexpected(did_something.error());
    }
    if (*did_something) return {};
  }
  busy_ = false;
  return {};
}

base::Result<bool> Retention::step_by_age(SqliteStore& store) {
  if (age_.count() <= 0) return false;
  const base::Uuid kept_from =
      base::Uuid::first_at(base::unix_micros() - std::chrono::microseconds(age_).count());
  const auto oldest = store.id_after(0);
  if (!oldest) return std::unexpected(oldest.error());
  if (oldest->value_or(kept_from) >= kept_from) return false;
  const auto step_end = store.id_after(kStepRows);
  if (!step_end) return std::unexpected(step_end.error());
  const auto deleted = store.delete_before(std::min(step_end->value_or(kept_from), kept_from));
  if (!deleted) return std::unexpected(deleted.error());
  metrics_.deleted_by_age.add(static_cast<std::uint64_t>(*deleted));
  return *deleted > 0;
}

base::Result<bool> Retention::step_by_size(SqliteStore& store) {
  if (bytes_ <= 0) return false;
  const auto before = store.size();
  if (!before) return std::unexpected(before.error());
  if (before->used_bytes() <= target(bytes_)) return false;
  const auto found = store.id_after(step_rows_);
  if (!found) return std::unexpected(found.error());
  const std::optional<base::Uuid>& step_end = *found;
  if (!step_end) {  // fewer rows than a step
    if (step_rows_ == 1) return false;
    step_rows_ = std::max<std::int64_t>(step_rows_ / 2, 1);
    return true;
  }
  const auto deleted = store.delete_before(*step_end);
  if (!deleted) return std::unexpected(deleted.error());
  metrics_.deleted_by_size.add(static_cast<std::uint64_t>(*deleted));
  const auto after = store.size();
  if (!after) return std::unexpected(after.error());
  adapt_step((before->used_bytes() - after->used_bytes()) / before->page_bytes, before->page_bytes);
  return *deleted > 0;
}

// Rows differ in size by a factor of a thousand: the next step's rows are chosen by what this one freed.
void Retention::adapt_step(std::int64_t freed_pages, std::int64_t page_bytes) {
  const std::int64_t wanted = std::max<std::int64_t>(std::min(kStepBytes, bytes_ / 64) / page_bytes, 1);
  const std::int64_t fitting = freed_pages > 0 ? step_rows_ * wanted / freed_pages : step_rows_ * 2;
  step_rows_ = std::clamp<std::int64_t>(std::min(fitting, step_rows_ * 2), 1, 4 * kStepRows);
}

base::Result<bool> Retention::step_by_shrinking(SqliteStore& store) {
  const auto size = store.size();
  if (!size) return std::unexpected(size.error());
  std::int64_t excess = 0;
  if (bytes_ > 0) {
    excess = size->pages - bytes_ / size->page_bytes;
  } else if (size->free_pages * size->page_bytes > kIdleFreeBytes) {
    excess = size->free_pages - size->pages / 4;  // traffic has fallen: rows won't need this room soon
  }
  excess = std::min(excess, size->free_pages);
  if (excess <= 0 || size->free_pages == unshrinkable_) return false;
  if (auto shrunk = store.shrink(std::min(excess, kShrinkPages)); !shrunk)
    return std::unexpected(shrunk.error());
  const auto after = store.size();
  if (!after) return std::unexpected(after.error());
  // A file that was rewritten without incremental vacuum keeps its free pages; new rows will use them.
  unshrinkable_ = after->pages < size->pages ? 0 : after->free_pages;
  return after->pages < size->pages;
}

}  // namespace saccade::record
