// The log in its ordinary life: what is appended is stored, once, whole, in groups, and can be read back.
#include <algorithm>

#include "log_fixture.h"

namespace saccade::record {
namespace {

constexpr auto kNever = std::chrono::hours(1);

TEST_F(LogTest, ReadsBackWhatWasStored) {
  auto log = open();
  Prediction full = row(R"({"class":7,"text":"Größe \u0000"})");
  full.client_id = "client-4711";
  full.input = R"({"image":[0.5]})";
  full.unix_micros = 1'700'000'000'123'456;
  const base::Uuid id = full.id;
  Prediction bare = row();
  const base::Uuid bare_id = bare.id;
  ASSERT_TRUE(append_and_wait(*log, std::move(full)));
  ASSERT_TRUE(append_and_wait(*log, std::move(bare)));

  const auto found = log->find(id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, id);
  EXPECT_EQ((*found)->unix_micros, 1'700'000'000'123'456);
  EXPECT_EQ((*found)->model, "digits");
  EXPECT_EQ((*found)->version, "3");
  EXPECT_EQ((*found)->client_id, "client-4711");
  EXPECT_EQ((*found)->result, R"({"class":7,"text":"Größe \u0000"})");
  EXPECT_EQ((*found)->latency_micros, 250);
  EXPECT_EQ((*found)->input, R"({"image":[0.5]})");
  EXPECT_EQ((*log->find(bare_id))->client_id, "");
  EXPECT_FALSE(*log->find(base::Uuid::make()));

  Outsider outsider(file_);
  EXPECT_EQ(outsider.number("SELECT count(*) FROM predictions WHERE client_id IS NULL AND input IS NULL"), 1);
}

TEST_F(LogTest, KeepsTextsAsTheyAre) {
  auto log = open();
  Prediction odd = row(std::string("a\0b\xFF", 4));
  odd.input = std::string(3'000'000, 'i');  // many overflow pages
  const base::Uuid id = odd.id;
  ASSERT_TRUE(append_and_wait(*log, std::move(odd)));
  EXPECT_EQ((*log->find(id))->result, std::string("a\0b\xFF", 4));
  EXPECT_EQ((*log->find(id))->input.size(), 3'000'000U);
}

TEST_F(LogTest, ListsNewestFirst) {
  auto log = open();
  for (const char* result : {"1", "2", "3", "4"}) log->append(row(result), Wait::kNothing, {});
  ASSERT_TRUE(append_and_wait(*log, row("5")));
  std::vector<std::string> results;
  const auto rows = log->list({.model = {}, .limit = 3});
  ASSERT_TRUE(rows);
  for (const auto& each : *rows) results.push_back(each.result);
  EXPECT_EQ(results, (std::vector<std::string>{"5", "4", "3"}));
  EXPECT_EQ(log->list({.model = "digits"})->size(), 5U);
  EXPECT_EQ(log->list({.model = "another"})->size(), 0U);
  EXPECT_EQ(log->list({.model = {}, .limit = 0}).error().code, base::Code::kInvalidArgument);
}

TEST_F(LogTest, ListsSinceATime) {
  auto log = open();
  const std::int64_t noon = 1'700'000'000'000'000;
  for (int i = 0; i < 10; ++i) {
    Prediction each = row(std::to_string(i), base::Uuid::first_at(noon + i * 1'000));
    each.unix_micros = noon + i * 1'000 + 300;
    log->append(std::move(each), Wait::kNothing, {});
  }
  Prediction slow =
      row("slow", base::Uuid::first_at(noon - 5'000'000));  // its id was made 5 s before its time
  slow.unix_micros = noon + 9'900;
  ASSERT_TRUE(append_and_wait(*log, std::move(slow)));
  const auto rows = log->list({.model = {}, .since_micros = noon + 8'300});
  std::vector<std::string> results;
  for (const auto& each : *rows) results.push_back(each.result);
  EXPECT_EQ(results, (std::vector<std::string>{"9", "8", "slow"}));
  EXPECT_EQ(log->list({.model = {}, .since_micros = -5})->size(), 11U);
}

TEST_F(LogTest, StoredMeansInTheFile) {
  options_.flush_interval = kNever;
  auto log = open();
  Outsider outsider(file_);
  for (int i = 0; i < 20; ++i) {
    std::int64_t seen = -1;
    Answers answers;
    auto done = answers.expect();
    log->append(row(), Wait::kNothing, {});  // taken along
    log->append(row(), Wait::kStored, [&, done = std::move(done)](base::Status status) mutable {
      seen = outsider.rows();
      done(std::move(status));
    });
    ASSERT_TRUE(answers.wait_for(1).front());
    EXPECT_EQ(seen, 2 * (i + 1));
  }
}

TEST_F(LogTest, SyncsEveryCommitIfAsked) {
  options_.sync_every_commit = true;
  auto log = open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(append_and_wait(*log, row()));
  EXPECT_EQ(Outsider(file_).rows(), 5);
}

TEST_F(LogTest, ARowWaitsNoLongerThanTheFlushInterval) {
  options_.flush_interval = std::chrono::milliseconds(1);
  auto log = open();
  for (int i = 0; i < 3; ++i) {  // each time the writer has gone back to sleep
    const base::Uuid id = base::Uuid::make();
    log->append(row("{}", id), Wait::kNothing, {});
    EXPECT_TRUE(comes_true([&] { return log->find(id)->has_value(); }));
  }
}

TEST_F(LogTest, AFullBatchDoesNotWaitForTheInterval) {
  options_.flush_interval = kNever;
  auto log = open();
  for (int i = 0; i < 4'000; ++i) log->append(row(), Wait::kNothing, {});
  EXPECT_TRUE(comes_true([&] { return Outsider(file_).rows() >= 2'000; }));
}

TEST_F(LogTest, RowsThatGatherDuringACommitShareTheNext) {
  file_options_.store.busy_timeout = std::chrono::minutes(1);
  auto log = open();
  ASSERT_TRUE(append_and_wait(*log, row()));
  const std::uint64_t before = commits();
  Answers answers;
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");  // holds the writer up in its commit, less than the busy time-out
  for (int i = 0; i < 100; ++i) log->append(row(), Wait::kStored, answers.expect());
  outsider.run("ROLLBACK");
  for (const auto& status : answers.wait_for(100)) EXPECT_TRUE(status);
  EXPECT_GE(commits() - before, 1U);
  EXPECT_LE(commits() - before, 2U);
}

TEST_F(LogTest, ARowThatIsThereAlreadyFailsAlone) {
  options_.flush_interval = kNever;
  file_options_.store.busy_timeout = std::chrono::minutes(1);
  auto log = open();
  const base::Uuid twice = base::Uuid::make();
  ASSERT_TRUE(append_and_wait(*log, row("first", twice)));
  Answers neighbours;
  Answers refused;
  Outsider outsider(file_);
  outsider.run("BEGIN IMMEDIATE");
  log->append(row(), Wait::kStored, neighbours.expect());
  log->append(row("second", twice), Wait::kStored, refused.expect());
  log->append(row(), Wait::kStored, neighbours.expect());
  outsider.run("ROLLBACK");
  EXPECT_FALSE(refused.wait_for(1).front());
  for (const auto& status : neighbours.wait_for(2)) EXPECT_TRUE(status);
  EXPECT_EQ((*log->find(twice))->result, "first");
  EXPECT_EQ(lost("refused"), 1U);
}

TEST_F(LogTest, CloseStoresEverything) {
  options_.flush_interval = kNever;
  auto log = open();
  for (int i = 0; i < 10'001; ++i) log->append(row(), Wait::kNothing, {});
  log->close();
  EXPECT_FALSE(std::filesystem::exists(file_.string() + "-wal"));
  Outsider outsider(file_);
  EXPECT_EQ(outsider.rows(), 10'001);
  EXPECT_EQ(outsider.text("PRAGMA integrity_check"), "ok");
  log->close();  // again is nothing
}

TEST_F(LogTest, AfterCloseNothingEnters) {
  auto log = open();
  log->close();
  const auto status = append_and_wait(*log, row());
  EXPECT_EQ(status.error().code, base::Code::kUnavailable);
  EXPECT_EQ(append_and_wait(*log, row(), Wait::kAccepted).error().code, base::Code::kUnavailable);
  log->append(row(), Wait::kNothing, {});
  EXPECT_EQ(lost("closed"), 3U);
  EXPECT_EQ(log->find(base::Uuid::make()).error().code, base::Code::kUnavailable);
  EXPECT_EQ(log->list({}).error().code, base::Code::kUnavailable);
}

TEST_F(LogTest, ReopeningGoesOn) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append_and_wait(*open(), row()));
  EXPECT_EQ(open()->list({})->size(), 3U);
}

TEST_F(LogTest, ManyThreadsAppendAndRead) {
  constexpr int kThreads = 6;
  constexpr int kRows = 3'000;
  options_.queue_capacity = 1'000;
  options_.flush_interval = std::chrono::milliseconds(2);
  auto log = open();
  Answers answers;
  std::atomic<std::size_t> expected{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRows; ++i) {
        const Wait wait = t % 2 == 0 ? Wait::kNothing : i % 2 == 0 ? Wait::kAccepted : Wait::kStored;
        if (wait == Wait::kNothing) {
          log->append(row(), wait, {});
        } else {
          ++expected;
          log->append(row(), wait, answers.expect());
        }
        if (i % 500 == 0) {
          const auto rows = log->list({.model = {}, .limit = 10});
          ASSERT_TRUE(rows) << rows.error().message;
          EXPECT_TRUE(std::ranges::is_sorted(*rows, std::greater{}, &StoredPrediction::id));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  log->close();
  for (const auto& status : answers.wait_for(expected)) EXPECT_TRUE(status);
  Outsider outsider(file_);
  EXPECT_EQ(static_cast<std::uint64_t>(outsider.rows()) + lost("queue_full"), kThreads * kRows);
  EXPECT_EQ(outsider.text("PRAGMA integrity_check"), "ok");
}

TEST_F(LogTest, ClosingWhileThreadsAppendLosesNoAnswer) {
  options_.queue_capacity = 50;
  for (int round = 0; round < 10; ++round) {
    auto log = open();
    Answers answers;
    std::atomic<std::size_t> expected{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) {
          ++expected;
          log->append(row(), i % 2 == 0 ? Wait::kAccepted : Wait::kStored, answers.expect());
        }
      });
    }
    ASSERT_TRUE(comes_true([&] { return answers.count() > 20; }));
    log->close();
    for (auto& thread : threads) thread.join();
    answers.wait_for(expected);
    EXPECT_EQ(answers.count(), expected);
  }
}

TEST_F(LogTest, MetricsFollow) {
  auto log = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append_and_wait(*log, row()));
  EXPECT_TRUE(comes_true([&] { return registry_.gauge("saccade_log_database_bytes", "").value() > 8'192; }));
  const std::string scrape = registry_.scrape();
  EXPECT_TRUE(says(scrape, {"saccade_log_rows_total 3"}));
  EXPECT_TRUE(says(scrape, {"saccade_log_queue_rows 0"}));  // given back before the answer
  log.reset();
  EXPECT_TRUE(says(registry_.scrape(), {"saccade_log_queue_rows 0"}));  // the queue is gone
}

}  // namespace
}  // namespace saccade::record
