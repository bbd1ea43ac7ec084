// Old rows go, by age and by size, and the file really becomes smaller.
#include "record/retention.h"

#include "log_fixture.h"

namespace saccade::record {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;

std::int64_t file_bytes(Outsider& outsider) {
  return outsider.number("PRAGMA page_count") * outsider.number("PRAGMA page_size");
}

TEST_F(LogTest, RowsPastTheirAgeGo) {
  options_.retention_age = std::chrono::hours(1);
  auto log = open();
  const std::int64_t now = base::unix_micros();
  for (int i = 0; i < 3'000; ++i) {
    log->append(row("old", base::Uuid::first_at(now - 2 * kHour + i)), Wait::kNothing, {});
  }
  for (int i = 0; i < 10; ++i) {
    log->append(row("young", base::Uuid::first_at(now - kHour / 2 + i)), Wait::kNothing, {});
  }
  ASSERT_TRUE(append_and_wait(*log, row("new")));
  auto& deleted = registry_.counter("saccade_log_deleted_rows_total", "", {{"reason", "age"}});
  EXPECT_TRUE(comes_true([&] { return deleted.value() == 3'000; }));
  EXPECT_EQ(log->list({})->size(), 11U);
  EXPECT_EQ(log->list({})->back().result, "young");
}

TEST_F(LogTest, WithoutAnAgeRowsStay) {
  auto log = open();
  for (int i = 0; i < 100; ++i) log->append(row("old", base::Uuid::first_at(i)), Wait::kNothing, {});
  log->close();
  EXPECT_EQ(Outsider(file_).rows(), 100);
}

TEST_F(LogTest, TheFileKeepsToItsSize) {
  options_.retention_bytes = 2 << 20;
  auto log = open();
  for (int i = 0; i < 5'000; ++i) {
    Prediction each = row(std::to_string(i));
    each.input = std::string(2'500, 'i');
    log->append(std::move(each), Wait::kNothing, {});
  }
  const base::Uuid newest = base::Uuid::make();
  ASSERT_TRUE(append_and_wait(*log, row("newest", newest)));
  Outsider outsider(file_);
  EXPECT_TRUE(comes_true([&] { return file_bytes(outsider) <= options_.retention_bytes; }));
  log->close();
  EXPECT_LE(static_cast<std::int64_t>(std::filesystem::file_size(file_)), options_.retention_bytes);
  // Not more went than had to, and the oldest went first.
  const std::int64_t rows = outsider.rows();
  EXPECT_GT(rows, 300);
  EXPECT_EQ(outsider.number("SELECT min(CAST(result AS INTEGER)) FROM predictions WHERE result <> 'newest'"),
            5'001 - rows);
  EXPECT_EQ(registry_.counter("saccade_log_deleted_rows_total", "", {{"reason", "size"}}).value(),
            static_cast<std::uint64_t>(5'001 - rows));
  EXPECT_EQ(outsider.text("PRAGMA integrity_check"), "ok");
}

TEST_F(LogTest, ASmallerLimitShrinksAnOldFile) {
  {
    auto log = open();
    for (int i = 0; i < 20'000; ++i) log->append(row(std::string(300, 'r')), Wait::kNothing, {});
  }
  ASSERT_GT(std::filesystem::file_size(file_), 5U << 20);
  options_.retention_bytes = kLeastRetentionBytes;
  auto log = open();
  Outsider outsider(file_);
  EXPECT_TRUE(comes_true([&] { return file_bytes(outsider) <= kLeastRetentionBytes; }));
  log->close();
  EXPECT_LE(static_cast<std::int64_t>(std::filesystem::file_size(file_)), kLeastRetentionBytes);
}

TEST_F(LogTest, HugeRowsGoOneByOneAndTheNewestStays) {
  options_.retention_bytes = kLeastRetentionBytes;
  auto log = open();
  for (int i = 0; i < 6; ++i) {
    Prediction each = row(std::to_string(i));
    each.input = std::string(3 << 20, 'i');
    ASSERT_TRUE(append_and_wait(*log, std::move(each)));
  }
  Outsider outsider(file_);
  EXPECT_TRUE(comes_true([&] { return outsider.rows() == 1; }));
  EXPECT_EQ(log->list({})->front().result, "5");
}

TEST_F(LogTest, TheWriteAheadLogStaysSmall) {
  options_.flush_interval = std::chrono::milliseconds(1);
  auto log = open();
  for (int i = 0; i < 40; ++i) {
    for (int j = 0; j < 200; ++j) log->append(row(std::string(10'000, 'r')), Wait::kNothing, {});
    ASSERT_TRUE(append_and_wait(*log, row()));
  }
  EXPECT_LT(std::filesystem::file_size(file_.string() + "-wal"), 40U << 20);
}

}  // namespace
}  // namespace saccade::record
