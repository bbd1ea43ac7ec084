// A model is unloaded while requests are under way: the scheduler ends on any thread, at any time, and still
// every job is answered once.
#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "schedule/run_pool.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using Runs = std::vector<std::int64_t>;

TEST(Ending, ALoopRunsWhatWaitsWhenItsSchedulerIsGone) {
  observe::Registry registry;
  auto metrics = std::make_shared<ModelMetrics>(registry, "m", "1");
  const std::weak_ptr<ModelMetrics> watch = metrics;
  FakeModel model;
  Desk desk;
  auto scheduler = make_loop_scheduler(sessions_of(model, 1), {.max_batch_size = 2}, metrics);
  metrics.reset();
  for (int i = 0; i < 5; ++i) desk.submit(*scheduler, 1);
  scheduler.reset();
  EXPECT_FALSE(watch.expired());
  desk.await_all();
  EXPECT_EQ(model.runs(), (Runs{2, 2, 1}));
  EXPECT_TRUE(watch.expired()) << "the last job took the lane with it";
}

// Schedulers are made, used from all loops and dropped by whichever thread is last, over and over.
class EndingUnderLoad : public testing::TestWithParam<bool> {};

TEST_P(EndingUnderLoad, AnswersEveryJob) {
  constexpr std::size_t kLoops = 2;
  constexpr int kRounds = 60;
  constexpr int kJobs = 40;
  runtime::LoopGroup loops(kLoops);
  const auto disposal = std::make_shared<runtime::Disposal>();
  observe::Registry registry;
  FakeModel model;
  const auto pool = std::make_shared<RunPool>(2);
  std::atomic<int> answered = 0;
  loops.start();
  for (int round = 0; round < kRounds; ++round) {
    auto metrics = std::make_shared<ModelMetrics>(registry, "m", "1");
    auto made =
        GetParam() ? make_loop_scheduler(sessions_of(model, kLoops), {.max_batch_size = 4}, metrics, disposal)
                   : make_instance_scheduler(pool, {.sessions = sessions_of(model, 1)}, {.max_batch_size = 4},
                                             metrics);
    std::shared_ptr<Scheduler> scheduler = runtime::share(std::move(made), disposal);
    for (int i = 0; i < kJobs; ++i) {
      runtime::EventLoop& loop = loops[static_cast<std::size_t>(i) % kLoops];
      loop.post([&loop, &answered, scheduler] {
        Job job;
        job.request.inputs.emplace_back(tensor::DataType::kFp32, tensor::Shape{1, 1});
        job.request.inputs[0].as<float>()[0] = 1;
        job.loop = &loop;
        job.done = [&answered](const base::Result<request::InferenceResponse>& response) {
          answered += response ? 1 : 0;
        };
        scheduler->submit(std::move(job));
      });
    }
  }
  const auto limit = base::now() + 60s;
  while (answered < kRounds * kJobs && base::now() < limit) std::this_thread::yield();
  EXPECT_EQ(answered, kRounds * kJobs);
  disposal->close();
  loops.stop();
}

INSTANTIATE_TEST_SUITE_P(Schedulers, EndingUnderLoad, testing::Bool(),
                         [](const auto& loop) { return loop.param ? "Loop" : "Instance"; });

}  // namespace
}  // namespace saccade::schedule
