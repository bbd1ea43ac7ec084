// The log when things go wrong under it: a full queue, a locked file, a full disk, a killed process.
#include <array>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

#include "log_fixture.h"

extern char** environ;

namespace saccade::record {
namespace {

constexpr auto kNever = std::chrono::hours(1);

// ---- a full queue

TEST_F(LogTest, AFullQueueLosesWhatNobodyWaitsFor) {
  options_.queue_capacity = 10;
  file_options_.store.busy_timeout = std::chrono::minutes(1);
  auto log = open();
  {
    Outsider outsider(file_);
    outsider.run("BEGIN IMMEDIATE");
    for (int i = 0; i < 25; ++i) log->append(row(std::to_string(i)), Wait::kNothing, {});
    EXPECT_EQ(lost("queue_full"), 15U);
    outsider.run("ROLLBACK");
  }
  log->close();
  EXPECT_EQ(
      Outsider(file_).text("SELECT group_concat(result) FROM (SELECT result FROM predictions ORDER BY id)"),
      "0,1,2,3,4,5,6,7,8,9");
}

TEST_F(LogTest, AFullQueueMakesWaitersWait) {
  options_.queue_capacity = 10;
  file_options_.store.busy_timeout = std::chrono::minutes(1);
  auto log = open();
  Answers accepted;
  Answers stored;
  {
    Outsider outsider(file_);
    outsider.run("BEGIN IMMEDIATE");
    for (int i = 0; i < 25; ++i) log->append(row(), Wait::kAccepted, accepted.expect());
    for (int i = 0; i < 5; ++i) log->append(row(), Wait::kStored, stored.expect());
    EXPECT_EQ(accepted.count(), 10U);
    EXPECT_EQ(stored.count(), 0U);
    outsider.run("ROLLBACK");
  }
  for (const auto& status : accepted.wait_for(25)) EXPECT_TRUE(status);
  for (const auto& status : stored.wait_for(5)) EXPECT_TRUE(status);
  log->close();
  EXPECT_EQ(Outsider(file_).rows(), 30);
}

TEST_F(LogTest, CloseStoresWhatWaitsForAPlace) {
  options_.queue_capacity = 3;
  options_.flush_interval = kNever;
  file_options_.store.busy_timeout = std::chrono::minutes(1);
  auto log = open();
  Answers answers;
  {
    Outsider outsider(file_);
    outsider.run("BEGIN IMMEDIATE");
    for (int i = 0; i < 20; ++i) log->append(row(), Wait::kAccepted, answers.expect());
    outsider.run("ROLLBACK");
  }
  log->close();
  for (const auto& status : answers.wait_for(20)) EXPECT_TRUE(status);
  EXPECT_EQ(Outsider(file_).rows(), 20);
}

// ---- a locked file

class LockedLogTest : public LogTest {
 protected:
  LockedLogTest() {
    file_options_.store.busy_timeout = std::chrono::milliseconds(1);
    writer_.first_retry = std::chrono::milliseconds(1);
    writer_.longest_retry = std::chrono::milliseconds(5);
    options_.flush_interval = std::chrono::milliseconds(1);
  }
};

TEST_F(LockedLogTest, RowsAreKeptAndStoredLater) {
  auto log = open();
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");
  for (int i = 0; i < 50; ++i) log->append(row(std::to_string(i)), Wait::kNothing, {});
  auto& failed = registry_.counter("saccade_log_failed_commits_total", "");
  EXPECT_TRUE(comes_true([&] { return failed.value() >= 3; }));
  for (int i = 50; i < 100; ++i) log->append(row(std::to_string(i)), Wait::kNothing, {});
  outsider.run("ROLLBACK");
  EXPECT_TRUE(comes_true([&] { return outsider.rows() == 100; }));
  EXPECT_EQ(log->list({})->front().result, "99");
  EXPECT_EQ(lost("queue_full"), 0U);
}

TEST_F(LockedLogTest, WhoWaitsForTheCommitIsToldAndTheRowIsNotStoredLater) {
  writer_.longest_retry = writer_.first_retry = kNever;
  auto log = open();
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");
  const auto first = append_and_wait(*log, row("first"));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, base::Code::kUnavailable);
  EXPECT_TRUE(says(first.error().message, {"could not be stored", "locked by another process"}));
  // Until the next try is due there is nothing to wait for.
  EXPECT_FALSE(append_and_wait(*log, row("second")));
  log->append(row("kept"), Wait::kNothing, {});
  outsider.run("ROLLBACK");
  log->close();
  EXPECT_EQ(outsider.text("SELECT group_concat(result) FROM predictions"), "kept");
  EXPECT_EQ(lost("commit_failed"), 2U);
}

TEST_F(LockedLogTest, WhoWaitsBehindAFullQueueIsToldToo) {
  options_.queue_capacity = 1;
  writer_.longest_retry = writer_.first_retry = kNever;
  auto log = open();
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");
  log->append(row("kept"), Wait::kNothing, {});
  EXPECT_FALSE(append_and_wait(*log, row("overflow")));
  EXPECT_FALSE(append_and_wait(*log, row("overflow")));
  Answers accepted;
  log->append(row("waits"), Wait::kAccepted, accepted.expect());
  EXPECT_EQ(accepted.count(), 0U);
  outsider.run("ROLLBACK");
  log->close();
  EXPECT_TRUE(accepted.wait_for(1).front());
  EXPECT_EQ(outsider.text("SELECT group_concat(result) FROM predictions"), "kept,waits");
}

TEST_F(LockedLogTest, TheNextTryComesWithTheNextRow) {
  auto log = open();
  {
    Outsider outsider(file_);
    outsider.run("BEGIN IMMEDIATE");
    EXPECT_FALSE(append_and_wait(*log, row()));
    outsider.run("ROLLBACK");
  }
  EXPECT_TRUE(comes_true([&] { return append_and_wait(*log, row()).has_value(); }));
}

TEST_F(LockedLogTest, CloseGivesUpAfterItsPatience) {
  writer_.close_patience = std::chrono::milliseconds(20);
  options_.queue_capacity = 3;
  auto log = open();
  Answers waiting;
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");
  for (int i = 0; i < 3; ++i) log->append(row(), Wait::kNothing, {});
  for (int i = 0; i < 2; ++i) log->append(row(), Wait::kAccepted, waiting.expect());
  log->close();
  for (const auto& status : waiting.wait_for(2)) EXPECT_EQ(status.error().code, base::Code::kUnavailable);
  EXPECT_EQ(lost("closed"), 5U);
  outsider.run("ROLLBACK");
  EXPECT_EQ(outsider.rows(), 0);
}

TEST_F(LogTest, AFileThatWasMovedAwayIsBegunAnew) {
  auto log = open();
  ASSERT_TRUE(append_and_wait(*log, row("before")));
  ASSERT_EQ(log->list({})->size(), 1U);
  for (const char* part : {"", "-wal", "-shm"})
    std::filesystem::rename(file_.string() + part, file_.string() + ".old" + part);
  EXPECT_TRUE(comes_true([&] { return std::filesystem::exists(file_); }));
  EXPECT_TRUE(comes_true([&] {  // the look may still be under way
    const auto rows = log->list({});
    return rows && rows->empty();
  }));
  ASSERT_TRUE(append_and_wait(*log, row("after")));
  const auto rows = log->list({});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().result, "after");
  log->close();
  EXPECT_EQ(Outsider(file_.string() + ".old").text("SELECT group_concat(result) FROM predictions"), "before");
}

// ---- a process of its own: this program again, with one test that is disabled otherwise

class Child {
 public:
  Child(const std::string& test, const std::filesystem::path& file) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], kReports);
    std::string filter = "--gtest_filter=" + test;
    std::string disabled = "--gtest_also_run_disabled_tests";
    std::string name = "child";
    std::array<char*, 4> arguments{name.data(), filter.data(), disabled.data(), nullptr};
    setenv("SACCADE_TEST_LOG", file.c_str(), 1);
    EXPECT_EQ(posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ), 0);
    unsetenv("SACCADE_TEST_LOG");
    posix_spawn_file_actions_destroy(&actions);
    close(pipe[1]);
    reports_ = pipe[0];
  }
  ~Child() {
    close(reports_);
    if (process_ > 0) end(SIGKILL);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next id that the child has been told is stored.
  std::optional<base::Uuid> next_report() const {
    base::Uuid id;
    if (read(reports_, id.bytes.data(), id.bytes.size()) != static_cast<ssize_t>(id.bytes.size())) return {};
    return id;
  }
  // Sends a signal (0: none) and waits for the end; answers the status as waitpid tells it.
  int end(int signal) {
    if (signal != 0) kill(process_, signal);
    int status = -1;
    EXPECT_EQ(waitpid(process_, &status, 0), process_);
    process_ = -1;
    return status;
  }

  static constexpr int kReports = 100;

 private:
  pid_t process_ = -1;
  int reports_ = -1;
};

class ChildLogTest : public LogTest {
 protected:
  void SetUp() override {
    const char* file = std::getenv("SACCADE_TEST_LOG");
    if (file == nullptr) GTEST_SKIP() << "is run by another test";
    file_options_.store.path = file;
    std::filesystem::remove_all(directory_);  // the parent's is used; a killed child could not do it later
  }
};

TEST_F(ChildLogTest, DISABLED_StoresUntilItIsKilled) {
  options_.flush_interval = std::chrono::milliseconds(1);
  auto log = open();
  while (true) {
    for (int i = 0; i < 20; ++i) log->append(row(), Wait::kNothing, {});
    Prediction waited_for = row(std::string(700, 'r'));
    const base::Uuid id = waited_for.id;
    ASSERT_TRUE(append_and_wait(*log, std::move(waited_for)));
    ASSERT_EQ(write(Child::kReports, id.bytes.data(), id.bytes.size()), 16);
  }
}

TEST_F(LogTest, AKilledProcessLosesNothingThatWasStored) {
  std::vector<base::Uuid> reported;
  for (const std::size_t kills_after : {1U, 50U, 400U}) {
    Child child("ChildLogTest.DISABLED_StoresUntilItIsKilled", file_);
    for (std::size_t i = 0; i < kills_after; ++i) {
      const auto id = child.next_report();
      ASSERT_TRUE(id) << "the child ended by itself";
      reported.push_back(*id);
    }
    const int status = child.end(SIGKILL);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (const auto id = child.next_report()) reported.push_back(*id);
  }
  EXPECT_EQ(Outsider(file_).text("PRAGMA integrity_check"), "ok");
  auto log = open();
  for (const base::Uuid& id : reported) ASSERT_TRUE(log->find(id)->has_value()) << id.text();
}

rlim_t limit_file_size(rlim_t bytes) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  return before;
}

TEST_F(ChildLogTest, DISABLED_RunsIntoAFileSizeLimit) {
  options_.flush_interval = std::chrono::milliseconds(1);
  writer_.first_retry = writer_.longest_retry = std::chrono::milliseconds(5);
  auto log = open();
  const rlim_t before = limit_file_size(4 << 20);
  base::Status status;
  int stored = 0;
  while (true) {
    status = append_and_wait(*log, row(std::string(10'000, 'x')));
    if (!status) break;
    ASSERT_LT(++stored, 1'000);
  }
  EXPECT_EQ(status.error().code, base::Code::kUnavailable);
  EXPECT_TRUE(says(status.error().message, {"could not be stored"}));
  EXPECT_GT(stored, 10);
  for (int i = 0; i < 100; ++i) log->append(row(std::string(10'000, 'y')), Wait::kNothing, {});
  EXPECT_EQ(log->list({.model = {}, .limit = 1'000})->size(),
            static_cast<std::size_t>(stored));  // reading goes on
  limit_file_size(before);
  EXPECT_TRUE(comes_true([&] {
    const auto rows = log->list({.model = {}, .limit = 1'000});
    return rows && rows->size() == static_cast<std::size_t>(stored) + 100;
  }));
  log->close();
  EXPECT_EQ(Outsider(file_options_.store.path).text("PRAGMA integrity_check"), "ok");
}

TEST_F(LogTest, AFullDiskIsSaidAndSurvived) {
  Child child("ChildLogTest.DISABLED_RunsIntoAFileSizeLimit", file_);
  const int status = child.end(0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ChildLogTest, DISABLED_HasNoRights) {
  if (geteuid() == 0) {
    ASSERT_EQ(setuid(65534), 0);
  }
  EXPECT_TRUE(says(opening_error(), {"can't be written", "must be writable"}));
  file_options_.store.path.replace_filename("new.db");
  EXPECT_TRUE(says(opening_error(), {"can't be opened", "directory"}));
}

TEST_F(LogTest, MissingRightsAreSaid) {
  open();
  chmod(file_.c_str(), 0444);
  chmod(directory_.c_str(), 0555);
  Child child("ChildLogTest.DISABLED_HasNoRights", file_);
  const int status = child.end(0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  chmod(directory_.c_str(), 0755);
}

}  // namespace
}  // namespace saccade::record
