// What can be wrong with a log's URL or its file, and what the error says about it.
#include <fstream>

#include "log_fixture.h"

namespace saccade::record {
namespace {

std::string url_error(const std::string& url) {
  observe::Registry registry;
  auto log = open_log(url, {}, registry);
  return log ? "" : log.error().message;
}

TEST(LogUrl, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* url;
    const char* complaint;
  } cases[] = {
      {"", "empty"},
      {"predictions.db", "write sqlite:predictions.db"},
      {"/var/lib/x.db", "write sqlite:/var/lib/x.db"},
      {":", "empty"},
      {"sqlite:", "names no file"},
      {"sqlite://", "names no file"},
      {"sqlite:///", "names no file"},
      {"sqlite://relative.db", "\"relative.db\" would be a host"},
      {"sqlite://var/lib/x.db", "\"var\" would be a host"},
      {"sqlite:directory/", "names a directory"},
      {"sqlite::memory:", "in memory"},
      {"sqlite:///:memory:", "in memory"},
      {"sqlite:x.db?mode=ro", "no options"},
      {"mysql://host/x", "unknown store \"mysql\""},
      {"postgresql://host/x?nonsense=1", "nonsense"},
      {"postgres://host/x?nonsense=1", "nonsense"},
  };
  for (const auto& each : cases) {
    EXPECT_TRUE(says(url_error(each.url), {each.complaint, "sqlite:predictions.db", "sqlite:///var"}))
        << each.url;
  }
}

TEST(LogUrl, KeepsPasswordsToItself) {
  EXPECT_FALSE(says(url_error("postgresql://admin:hunter2@host/x?nonsense=1"), {"hunter2"}));
  EXPECT_FALSE(says(url_error("redis://:hunter2@host"), {"hunter2"}));
}

TEST_F(LogTest, OpensAbsoluteAndRelativePaths) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  EXPECT_EQ(url_error("sqlite:relative.db"), "");
  EXPECT_EQ(url_error("SQLite:sub.db"), "");
  EXPECT_EQ(url_error("sqlite://" + (directory_ / "three.db").string()), "");
  EXPECT_EQ(url_error("sqlite:///" + (directory_ / "four.db").string()), "");
  EXPECT_EQ(url_error("sqlite:" + (directory_ / "one.db").string()), "");
  std::filesystem::current_path(before);
  for (const char* name : {"relative.db", "sub.db", "three.db", "four.db", "one.db"}) {
    EXPECT_TRUE(std::filesystem::exists(directory_ / name)) << name;
  }
}

TEST_F(LogTest, ARelativePathStaysWhereItWasOpened) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  auto log = open_log("sqlite:here.db", {}, registry_);
  std::filesystem::current_path(before);
  ASSERT_TRUE(log);
  ASSERT_TRUE(append_and_wait(**log, row()));
  EXPECT_EQ((*log)->list({})->size(), 1U);
}

TEST_F(LogTest, RefusesImpossibleOptions) {
  options_.queue_capacity = 0;
  EXPECT_TRUE(says(opening_error(), {"queue"}));
  options_ = {.retention_bytes = 1000};
  EXPECT_TRUE(says(opening_error(), {"at least 1048576"}));
}

TEST_F(LogTest, NamesAMissingDirectory) {
  file_options_.store.path = directory_ / "no" / "such" / "x.db";
  EXPECT_TRUE(says(opening_error(), {"no directory", "mkdir", "no/such"}));
}

TEST_F(LogTest, RefusesADirectoryAndWhatLiesBelowAFile) {
  file_options_.store.path = directory_;
  EXPECT_TRUE(says(opening_error(), {"is a directory"}));
  std::ofstream(directory_ / "file") << "x";
  file_options_.store.path = directory_ / "file" / "x.db";
  EXPECT_TRUE(says(opening_error(), {"not a directory"}));
  file_options_.store.path = "/dev/null";
  EXPECT_TRUE(says(opening_error(), {"not a regular file"}));
}

TEST_F(LogTest, SaysWhereNoFileCanBeMade) {
  file_options_.store.path = "/proc/self/predictions.db";
  EXPECT_TRUE(says(opening_error(), {"can't be opened"}));
}

TEST_F(LogTest, LeavesAFileThatIsNoDatabaseAlone) {
  const std::string content = "precious text, " + std::string(5'000, 'x');
  std::ofstream(file_) << content;
  EXPECT_TRUE(says(opening_error(), {"not a SQLite database", "another file"}));
  std::ifstream again(file_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(again), {}), content);
}

TEST_F(LogTest, RefusesADamagedDatabase) {
  {
    auto log = open();
    for (int i = 0; i < 2'000; ++i) log->append(row(std::string(300, 'r')), Wait::kNothing, {});
  }
  {
    const auto page = Outsider(file_).number("PRAGMA page_size");
    std::fstream damage(file_, std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(page * 5);  // past the header and the schema: pages of the table
    damage << std::string(static_cast<std::size_t>(page) * 3, '\xA5');
  }
  EXPECT_TRUE(says(opening_error(), {"is damaged", ".recover"}));
}

TEST_F(LogTest, RefusesATruncatedDatabase) {
  {
    auto log = open();
    for (int i = 0; i < 2'000; ++i) log->append(row(), Wait::kNothing, {});
  }
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  EXPECT_TRUE(says(opening_error(), {"is damaged"}));
}

TEST_F(LogTest, LeavesAnotherApplicationsDatabaseAlone) {
  {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, "CREATE TABLE predictions(a, b)", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  }
  EXPECT_TRUE(says(opening_error(), {"another application"}));
  Outsider outsider(file_);
  EXPECT_EQ(outsider.text("PRAGMA journal_mode"), "delete");
  outsider.run("DROP TABLE predictions; PRAGMA application_id=77");
  EXPECT_TRUE(says(opening_error(), {"another application"}));
}

TEST_F(LogTest, RefusesANewerSchemaAndAChangedTable) {
  open();
  {
    Outsider outsider(file_);
    outsider.run("PRAGMA user_version=3");
  }
  EXPECT_TRUE(says(opening_error(), {"newer Saccade", "schema 3"}));
  {
    Outsider outsider(file_);
    outsider.run("PRAGMA user_version=1; ALTER TABLE predictions RENAME COLUMN result TO output");
  }
  EXPECT_TRUE(says(opening_error(), {"has been changed", "output"}));
}

TEST_F(LogTest, SaysThatTheFileIsLocked) {
  open();
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");
  file_options_.store.busy_timeout = std::chrono::milliseconds(1);
  EXPECT_TRUE(says(opening_error(), {"locked by another process"}));
  outsider.run("ROLLBACK");
  EXPECT_EQ(opening_error(), "");
}

TEST_F(LogTest, TwoServersShareAFile) {
  auto first = open();
  auto second = open();
  ASSERT_TRUE(append_and_wait(*first, row()));
  ASSERT_TRUE(append_and_wait(*second, row()));
  ASSERT_TRUE(append_and_wait(*first, row()));
  EXPECT_EQ(first->list({})->size(), 3U);
  EXPECT_EQ(second->list({})->size(), 3U);
}

TEST_F(LogTest, ServersThatStartAtOnceMakeOneTable) {
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto log = SqliteLog::open(options_, file_options_, writer_, registry_);
      if (log && append_and_wait(**log, row())) ++opened;
      if (!log) ADD_FAILURE() << log.error().message;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(opened, 4);
  EXPECT_EQ(Outsider(file_).rows(), 4);
}

}  // namespace
}  // namespace saccade::record
