// Feedback on its way through a log in SQLite.
#include "log_fixture.h"

namespace saccade::record {
namespace {

class FeedbackTest : public LogTest {
 protected:
  static base::Result<FeedbackOutcome> give(PredictionLog& log, const base::Uuid& id, std::string truth) {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<base::Result<FeedbackOutcome>> answer;
    log.append_feedback({.id = id, .unix_micros = 5, .truth = std::move(truth), .weight = 2, .comment = "c"},
                        [&](base::Result<FeedbackOutcome> outcome) {
                          const std::lock_guard lock(mutex);
                          answer = std::move(outcome);
                          changed.notify_all();
                        });
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return answer.has_value(); }));
    return *answer;
  }
};

TEST_F(FeedbackTest, IsReadBackWithItsRow) {
  auto log = open();
  const Prediction given = row(R"({"class":1})");
  ASSERT_TRUE(append_and_wait(*log, given));
  const auto outcome = give(*log, given.id, "\"seven\"");
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->model, "digits");
  EXPECT_EQ(outcome->version, "3");
  EXPECT_EQ(outcome->result, R"({"class":1})");
  EXPECT_TRUE(outcome->first);
  const auto found = log->find(given.id);
  ASSERT_TRUE(found && *found && (*found)->feedback);
  EXPECT_EQ((*found)->feedback->truth, "\"seven\"");
  EXPECT_EQ((*found)->feedback->weight, 2);
  EXPECT_EQ((*found)->feedback->comment, "c");
  EXPECT_EQ((*found)->feedback->unix_micros, 5);
}

TEST_F(FeedbackTest, TheLastOneStays) {
  auto log = open();
  const Prediction given = row();
  ASSERT_TRUE(append_and_wait(*log, given));
  EXPECT_TRUE(give(*log, given.id, "1")->first);
  EXPECT_FALSE(give(*log, given.id, "2")->first);
  EXPECT_EQ((*log->find(given.id))->feedback->truth, "2");
  EXPECT_EQ(Outsider(file_).number("SELECT count(*) FROM feedback"), 1);
}

TEST_F(FeedbackTest, OnWhatIsNotThere) {
  writer_.feedback_patience = std::chrono::milliseconds(1);
  auto log = open();
  const auto outcome = give(*log, base::Uuid::make(), "1");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, base::Code::kNotFound);
  EXPECT_EQ(lost("commit_failed"), 0U);
}

// An answer may be quicker than its row.
TEST_F(FeedbackTest, WaitsForARowThatIsOnItsWay) {
  writer_.feedback_patience = std::chrono::minutes(1);
  auto log = open();
  const Prediction given = row();
  std::atomic<int> answered = 0;
  log->append_feedback({.id = given.id, .unix_micros = 5, .truth = "1", .weight = 1, .comment = {}},
                       [&](const base::Result<FeedbackOutcome>& outcome) { answered = outcome ? 1 : 2; });
  const base::Uuid other = row().id;
  std::atomic<bool> failed = false;
  log->append_feedback({.id = other, .unix_micros = 5, .truth = "1", .weight = 1, .comment = {}},
                       [&](const base::Result<FeedbackOutcome>& outcome) { failed = !outcome; });
  ASSERT_TRUE(append_and_wait(*log, row()));
  EXPECT_EQ(answered, 0);
  ASSERT_TRUE(append_and_wait(*log, given));
  EXPECT_TRUE(comes_true([&] { return answered != 0; }));
  EXPECT_EQ(answered, 1);
  EXPECT_FALSE(failed);
  log->close();
  EXPECT_TRUE(failed) << "what waits is answered at the close";
}

TEST_F(FeedbackTest, AfterTheClose) {
  auto log = open();
  const Prediction given = row();
  ASSERT_TRUE(append_and_wait(*log, given));
  log->close();
  EXPECT_EQ(give(*log, given.id, "1").error().code, base::Code::kUnavailable);
}

TEST_F(FeedbackTest, GoesWithItsRow) {
  options_.retention_age = std::chrono::hours(1);
  auto log = open();
  Prediction old = row();
  old.id = base::Uuid::first_at(base::unix_micros() - 3'599'000'000);  // an hour old in a second
  ASSERT_TRUE(append_and_wait(*log, old));
  ASSERT_TRUE(give(*log, old.id, "1"));
  EXPECT_TRUE(comes_true([&] { return Outsider(file_).rows() == 0; }));
  EXPECT_EQ(Outsider(file_).number("SELECT count(*) FROM feedback"), 0);
}

// A file of before there was feedback is brought up to date, with its rows.
TEST_F(FeedbackTest, AnOlderFileTakesIt) {
  const Prediction given = row();
  {
    auto log = open();
    ASSERT_TRUE(append_and_wait(*log, given));
  }
  Outsider(file_).run("DROP TABLE feedback; PRAGMA user_version=1");
  auto log = open();
  EXPECT_TRUE(give(*log, given.id, "1"));
  EXPECT_EQ(Outsider(file_).number("PRAGMA user_version"), 2);
}

}  // namespace
}  // namespace saccade::record
