#include "record/spill.h"

#include "log_fixture.h"

namespace saccade::record {
namespace {

class SpillTest : public LogTest {
 protected:
  std::unique_ptr<Spill> open_spill(std::int64_t most = 100 << 20) {
    auto spill = Spill::open({.path = directory_ / "spill.db", .max_bytes = most});
    EXPECT_TRUE(spill) << spill.error().message;
    return spill ? std::move(*spill) : nullptr;
  }
  static std::vector<Prediction> rows(std::size_t count, const std::string& result = "{}") {
    std::vector<Prediction> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(row(result));
    return all;
  }
  static base::Result<std::vector<LogStore::Refused>> append(Spill& spill,
                                                             const std::vector<Prediction>& rows) {
    std::vector<const Prediction*> views;
    for (const Prediction& one : rows) views.push_back(&one);
    return spill.append(views);
  }
  static LogStore::Outcome give(Spill& spill, const base::Uuid& id, std::string truth, std::int64_t at = 1) {
    const Feedback feedback{
        .id = id, .unix_micros = at, .truth = std::move(truth), .weight = 1, .comment = {}};
    const std::vector<const Feedback*> all{&feedback};
    auto outcomes = spill.insert_feedback(all);
    EXPECT_TRUE(outcomes);
    return outcomes->front();
  }
};

TEST_F(SpillTest, GivesRowsBackInTheirOrderAndKeepsThemUntilRemoved) {
  auto spill = open_spill();
  const auto given = rows(10);
  ASSERT_TRUE(append(*spill, given));
  EXPECT_EQ(spill->rows(), 10);
  EXPECT_EQ(spill->oldest_micros(), given[0].unix_micros);
  for (int times = 0; times < 2; ++times) {
    const auto batch = spill->oldest(4, SIZE_MAX);
    ASSERT_TRUE(batch);
    ASSERT_EQ(batch->rows.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(batch->rows[i].id, given[i].id);
  }
  ASSERT_TRUE(spill->remove(*spill->oldest(4, SIZE_MAX)));
  EXPECT_EQ(spill->rows(), 6);
  EXPECT_EQ(spill->oldest(100, SIZE_MAX)->rows.front().id, given[4].id);
  ASSERT_TRUE(spill->remove(*spill->oldest(100, SIZE_MAX)));
  EXPECT_TRUE(spill->empty());
  EXPECT_EQ(spill->oldest_micros(), 0);
}

TEST_F(SpillTest, RemovesOnlyWhatWasDelivered) {
  auto spill = open_spill();
  auto given = rows(3);
  ASSERT_TRUE(append(*spill, {given[0], given[2]}));
  const auto batch = spill->oldest(10, SIZE_MAX);
  ASSERT_TRUE(append(*spill, {given[1]}));  // comes late, with an id between theirs
  ASSERT_TRUE(spill->remove(*batch));
  ASSERT_EQ(spill->rows(), 1);
  EXPECT_EQ(spill->oldest(10, SIZE_MAX)->rows[0].id, given[1].id);
}

TEST_F(SpillTest, ABatchIsBoundedInBytesToo) {
  auto spill = open_spill();
  ASSERT_TRUE(append(*spill, rows(10, std::string(1000, ' '))));
  EXPECT_EQ(spill->oldest(10, 2500)->rows.size(), 3U);
}

TEST_F(SpillTest, FindsAndListsWhatWaits) {
  auto spill = open_spill();
  const auto given = rows(5);
  ASSERT_TRUE(append(*spill, given));
  EXPECT_EQ((*spill->find(given[2].id))->id, given[2].id);
  EXPECT_FALSE(spill->find(base::Uuid::make())->has_value());
  const auto listed = spill->list({.model = "digits", .since_micros = 0, .limit = 2});
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ((*listed)[0].id, given[4].id);
  EXPECT_TRUE(spill->list({.model = "other", .since_micros = 0, .limit = 2})->empty());
}

TEST_F(SpillTest, IsThereAgainAfterTheEnd) {
  const auto given = rows(3);
  {
    auto spill = open_spill();
    ASSERT_TRUE(append(*spill, given));
    ASSERT_TRUE(give(*spill, given[0].id, "7"));
  }
  auto spill = open_spill();
  EXPECT_EQ(spill->rows(), 3);
  EXPECT_EQ((*spill->find(given[0].id))->feedback->truth, "7");
}

TEST_F(SpillTest, ARowThatIsThereAlreadyStaysOnce) {
  auto spill = open_spill();
  const auto given = rows(2);
  ASSERT_TRUE(append(*spill, given));
  const auto again = append(*spill, given);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->empty());
  EXPECT_EQ(spill->rows(), 2);
}

TEST_F(SpillTest, IsBounded) {
  auto spill = open_spill(1 << 20);
  const auto big = rows(10, std::string(50'000, ' '));
  ASSERT_TRUE(append(*spill, big));
  const auto refused = append(*spill, rows(20, std::string(50'000, ' ')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kUnavailable);
  EXPECT_TRUE(says(refused.error().message, {"spill.db", "full", "10 rows"}));
  const std::size_t fitting = spill->room() / 50'200;
  EXPECT_GT(fitting, 0U);
  EXPECT_LT(fitting, 20U);
  EXPECT_TRUE(append(*spill, rows(fitting, std::string(50'000, ' ')))) << "what room() says does fit";
  ASSERT_TRUE(spill->remove(*spill->oldest(100, SIZE_MAX)));
  EXPECT_TRUE(append(*spill, big)) << "there is room again";
}

TEST_F(SpillTest, TwoCanNotShareIt) {
  auto spill = open_spill();
  const auto second = Spill::open(
      {.path = directory_ / "spill.db", .max_bytes = 1 << 20, .busy_timeout = std::chrono::milliseconds(1)});
  ASSERT_FALSE(second);
  EXPECT_TRUE(says(second.error().message, {"--log-spill", "locked"}));
}

TEST_F(SpillTest, FeedbackWaitsBesideItsRowAndFollowsIt) {
  auto spill = open_spill();
  const auto given = rows(2);
  ASSERT_TRUE(append(*spill, given));
  const auto first = give(*spill, given[0].id, "1", 5);
  ASSERT_TRUE(first && *first);
  EXPECT_TRUE((*first)->first);
  EXPECT_EQ((*first)->model, "digits");
  const auto second = give(*spill, given[0].id, "2", 6);
  ASSERT_TRUE(second && *second);
  EXPECT_FALSE((*second)->first);
  EXPECT_FALSE(give(*spill, base::Uuid::make(), "1")->has_value());
  auto batch = spill->oldest(1, SIZE_MAX);
  EXPECT_TRUE(batch->feedback.empty()) << "its row is still there";
  ASSERT_TRUE(spill->remove(*batch));
  batch = spill->oldest(1, SIZE_MAX);
  ASSERT_EQ(batch->feedback.size(), 1U);
  EXPECT_EQ(batch->feedback[0].truth, "2");
  ASSERT_TRUE(spill->remove(*batch));
  EXPECT_TRUE(spill->empty());
}

}  // namespace
}  // namespace saccade::record
