#include "schedule/statistics.h"

#include <chrono>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;

request::Timings timings(base::TimePoint start) {
  return {.queued = start + 1us,
          .batched = start + 3us,
          .run_started = start + 6us,
          .run_finished = start + 10us,
          .answered = start + 15us,
          .batch_size = 2};
}

TEST(Statistics, AddUpTheirSheets) {
  Statistics statistics;
  EXPECT_EQ(statistics.sum().last_inference_ms, 0U);
  StatisticsSheet& one = statistics.add_sheet();
  StatisticsSheet& other = statistics.add_sheet();
  const auto start = base::now();
  one.answered(timings(start), start, 1);
  one.ran(2, 3us, 4us, 5us);
  other.answered(timings(start), {}, 3);
  other.ran(2, 3us, 4us, 5us);
  other.ran(100, 1us, 1us, 1us);
  other.ran(1'000'000, 1us, 1us, 1us);
  statistics.failed(7us);
  const request::ModelStatistics sum = statistics.sum();
  EXPECT_EQ(sum.inference_count, 4U);
  EXPECT_EQ(sum.execution_count, 4U);
  EXPECT_EQ(sum.success.count, 2U);
  EXPECT_EQ(sum.success.nanoseconds, 15'000U + 14'000U) << "from its arrival, or else from the queue's door";
  EXPECT_EQ(sum.queue.nanoseconds, 4'000U);
  EXPECT_EQ(sum.compute_input.nanoseconds, 6'000U);
  EXPECT_EQ(sum.compute_infer.nanoseconds, 8'000U);
  EXPECT_EQ(sum.compute_output.nanoseconds, 10'000U);
  EXPECT_EQ(sum.fail.count, 1U);
  EXPECT_EQ(sum.fail.nanoseconds, 7'000U);
  const auto now_ms = static_cast<std::uint64_t>(base::unix_micros() / 1'000);
  EXPECT_LE(sum.last_inference_ms, now_ms);
  EXPECT_GT(sum.last_inference_ms, now_ms - 60'000);
  ASSERT_EQ(sum.batches.size(), 2U) << "a size past all sense is counted with the runs only";
  EXPECT_EQ(sum.batches[0].batch_size, 2U);
  EXPECT_EQ(sum.batches[0].compute_infer.count, 2U);
  EXPECT_EQ(sum.batches[0].compute_infer.nanoseconds, 8'000U);
  EXPECT_EQ(sum.batches[1].batch_size, 100U);
}

TEST(Statistics, PartsOfARequestNeverExceedItsWhole) {
  observe::Registry registry;
  const auto metrics = std::make_shared<ModelMetrics>(registry, "m", "1");
  FakeModel model;
  Desk desk;
  const auto scheduler = make_loop_scheduler(sessions_of(model, 1), {.max_batch_size = 4}, metrics);
  for (int i = 0; i < 10; ++i) desk.submit(*scheduler, i == 3 ? FakeModel::kRefused : 1.0F);
  desk.await_all();
  const request::ModelStatistics sum = metrics->statistics.sum();
  EXPECT_EQ(sum.success.count, 9U);
  EXPECT_EQ(sum.fail.count, 1U);
  EXPECT_EQ(sum.inference_count, 9U);
  EXPECT_EQ(sum.execution_count, 7U) << "4 together and then alone, 4, 2";
  EXPECT_LE(sum.queue.nanoseconds + sum.compute_input.nanoseconds + sum.compute_infer.nanoseconds +
                sum.compute_output.nanoseconds,
            sum.success.nanoseconds);
}

std::string line_of(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find("\n" + begin);
  return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

// A version that is loaded anew begins its statistics at zero; its counters go on.
TEST(Statistics, CountersSurviveTheCopiesThatCount) {
  observe::Registry registry;
  for (int copy = 1; copy <= 3; ++copy) {
    ModelMetrics metrics(registry, "m", "1");
    auto& sheet = metrics.statistics.add_sheet();
    const auto start = base::now();
    sheet.answered(timings(start), start, 2);
    EXPECT_EQ(metrics.statistics.sum().inference_count, 2U);
    EXPECT_EQ(line_of(registry.scrape(), "nv_inference_count{"),
              "nv_inference_count{model=\"m\",version=\"1\"} " + std::to_string(2 * copy));
  }
  EXPECT_EQ(line_of(registry.scrape(), "nv_inference_request_duration_us{"),
            "nv_inference_request_duration_us{model=\"m\",version=\"1\"} 45");
  registry.forget({{"model", "m"}, {"version", "1"}});
  EXPECT_EQ(line_of(registry.scrape(), "nv_inference_count{"), "");
}

}  // namespace
}  // namespace saccade::schedule
