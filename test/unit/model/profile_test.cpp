// Which batch sizes are measured for the scheduler to begin with: sessions whose runs take what a test says.
#include "model/profile.h"

#include <thread>

#include <gtest/gtest.h>

#include "fake_engine.h"

namespace saccade::model {
namespace {

using namespace std::chrono_literals;

class Profile : public testing::Test {
 protected:
  // `time`: of a run of so many items.
  explicit Profile() : session_(classifier_facts(), [this](Inputs inputs) { return run(inputs); }) {
    opened_.engine = &engine_;
    ProbeResult& probed = opened_.completed.probed;
    probed.ran = probed.in_rows = true;
    probed.run_time = 1ms;
    probed.item_shapes = {{3}};
    opened_.completed.policy.max_batch_size = 8;
  }
  Outputs run(Inputs inputs) {
    const std::int64_t items = inputs[0].shape[0];
    if (items > most_) return base::invalid_argument("too many");
    std::this_thread::sleep_for(time_(items));
    return two_classes(inputs);
  }
  std::vector<std::int64_t> sizes() {
    std::vector<std::int64_t> sizes;
    for (const schedule::MeasuredRun& run : profile(session_, opened_, 2)) {
      sizes.push_back(run.items);
      EXPECT_GT(run.time.count(), 0);
    }
    return sizes;
  }

  ClassifierEngine engine_;
  OpenedModel opened_;
  FunctionSession session_;
  std::int64_t most_ = 1'000;
  std::function<base::Duration(std::int64_t)> time_ = [](std::int64_t) { return 1ms; };
};

TEST_F(Profile, GoesOnAsLongAsLargerRunsCostLess) {
  EXPECT_EQ(sizes(), (std::vector<std::int64_t>{1, 2, 4, 8}));
}

TEST_F(Profile, StopsAfterTwoSizesInVain) {
  time_ = [](std::int64_t items) { return items * 3ms; };
  EXPECT_EQ(sizes(), (std::vector<std::int64_t>{1, 2, 4}));
}

TEST_F(Profile, StopsWhereTheModelTakesNoMore) {
  most_ = 4;
  EXPECT_EQ(sizes(), (std::vector<std::int64_t>{1, 2, 4}));
}

TEST_F(Profile, MeasuresNothingOfWhatDoesNotBatchOrWasNotTriedOut) {
  opened_.completed.probed.in_rows = false;
  EXPECT_EQ(sizes(), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(session_.runs, 0);
  opened_.completed.probed.ran = false;
  EXPECT_EQ(sizes(), (std::vector<std::int64_t>{}));
}

TEST_F(Profile, TakesWhatWasMeasuredToChooseTheEngine) {
  opened_.options.threads = 1;
  opened_.figures = {
      {.candidate = {"fake", 1, 2}, .alone = 1ms, .sizes = {{1, 1000}, {8, 4000}}, .measured = true}};
  const auto runs = profile(session_, opened_, 2);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].time, 2ms) << "two instances did 1000 a second together";
  EXPECT_EQ(runs[1].items, 8);
  EXPECT_EQ(runs[1].time, 4ms);
  EXPECT_EQ(session_.runs, 0);
}

}  // namespace
}  // namespace saccade::model
