// Several models on the same places, and instances that follow the load.
#include "schedule/run_pool.h"

#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "schedule/instance_set.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {
namespace {

using namespace std::chrono_literals;
using Runs = std::vector<std::int64_t>;

// The time limit only ends a test that has failed.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto limit = base::now() + 30s;
  while (!condition()) {
    if (base::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

class Pool : public testing::Test {
 protected:
  struct Served {
    Served(observe::Registry& registry, const std::string& name)
        : metrics(std::make_shared<ModelMetrics>(registry, name, "1")) {}
    FakeModel model;
    MetricsPointer metrics;
    std::unique_ptr<Scheduler> scheduler;
  };
  void serve(Served& served, BatchPolicy policy, base::Duration run_time = 0ms, std::size_t threads = 1,
             base::Duration keep = 1h) {
    served.scheduler = make_instance_scheduler(
        pool_,
        {.sessions = sessions_of(served.model, 1), .threads = threads, .run_time = run_time, .keep = keep},
        policy, served.metrics);
  }
  double figure(const std::string& name) {
    const std::string text = registry_.scrape();
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  observe::Registry registry_;
  Desk desk_;  // its loops outlive the pool's threads, which post to them
  std::shared_ptr<RunPool> pool_ = std::make_shared<RunPool>(1);
  Served heavy_{registry_, "heavy"};
  Served light_{registry_, "light"};
};

TEST_F(Pool, ModelsShareThePlaces) {
  serve(heavy_, {});
  serve(light_, {});
  heavy_.model.shut();
  desk_.submit(*heavy_.scheduler, 1);
  heavy_.model.await_runs(1);
  desk_.submit(*light_.scheduler, 1);
  desk_.submit(*heavy_.scheduler, 2);
  EXPECT_TRUE(pool_->contended());
  EXPECT_EQ(light_.model.runs(), Runs{}) << "the only place is taken";
  heavy_.model.open();
  desk_.await_all();
  EXPECT_EQ(light_.model.runs(), Runs{1});
}

TEST_F(Pool, AShortRunDoesNotWaitForALongOne) {
  pool_->add_metrics(registry_);
  serve(heavy_, {}, 1h);
  serve(light_, {}, 1ms);
  heavy_.model.shut();
  desk_.submit(*heavy_.scheduler, 1);
  heavy_.model.await_runs(1);
  desk_.submit(*light_.scheduler, 1);
  light_.model.await_runs(1);  // while the place is taken
  ASSERT_TRUE(comes_true([&] { return figure("saccade_run_places_busy") == 1; }));
  EXPECT_EQ(figure("saccade_run_places"), 1);
  EXPECT_EQ(figure("saccade_runs_beside_total"), 1);
  heavy_.model.open();
  desk_.await_all();
}

TEST_F(Pool, AModelThatEndsRunsWhatWaitsBehindOthers) {
  serve(heavy_, {});
  serve(light_, {.max_queue_delay = 1h});
  heavy_.model.shut();
  desk_.submit(*heavy_.scheduler, 1);
  heavy_.model.await_runs(1);
  for (int i = 0; i < 3; ++i) desk_.submit(*light_.scheduler, 1);
  std::thread ending([&] { light_.scheduler.reset(); });
  heavy_.model.open();
  ending.join();
  desk_.await_all();
  EXPECT_EQ(light_.model.runs(), (Runs{1, 1, 1}));
}

TEST_F(Pool, WideRunsTakeAsManyPlacesAsTheyHaveThreads) {
  pool_ = std::make_shared<RunPool>(3);
  serve(heavy_, {.max_instances = 4}, 0ms, 2);
  heavy_.model.shut();
  for (int i = 0; i < 3; ++i) desk_.submit(*heavy_.scheduler, 1);
  heavy_.model.await_runs(1);
  serve(light_, {.max_instances = 4}, 0ms, 1);
  desk_.submit(*light_.scheduler, 1);
  EXPECT_EQ(heavy_.model.runs(), Runs{1}) << "a second one would make four threads";
  heavy_.model.open();
  desk_.await_all();
}

TEST_F(Pool, InstancesFollowTheLoad) {
  pool_ = std::make_shared<RunPool>(3);
  serve(heavy_, {.max_instances = 3}, 0ms, 1, 0ms);
  EXPECT_EQ(heavy_.scheduler->report().instances, 1U);
  EXPECT_EQ(heavy_.metrics->instances.value(), 1);
  heavy_.model.shut();
  for (int i = 0; i < 3; ++i) desk_.submit(*heavy_.scheduler, 1);
  heavy_.model.await_runs(3);
  EXPECT_EQ(heavy_.scheduler->report().instances, 3U);
  heavy_.model.open();
  desk_.await_all();
  EXPECT_TRUE(comes_true([&] { return heavy_.metrics->instances.value() == 1; })) << "nobody needs them";
}

TEST_F(Pool, AsManyInstancesAreKeptAsAreAskedFor) {
  pool_ = std::make_shared<RunPool>(3);
  serve(heavy_, {.min_instances = 2, .max_instances = 3}, 0ms, 1, 0ms);
  EXPECT_EQ(heavy_.metrics->instances.value(), 2);
  heavy_.scheduler.reset();
  EXPECT_EQ(heavy_.metrics->instances.value(), 0);
}

// As the engines' that can't share.
class Lonely final : public engine::Session {
 public:
  explicit Lonely(FakeModel& model) : inner_(model) {}
  const engine::ModelFacts& facts() const override { return inner_.facts(); }
  base::Result<std::shared_ptr<engine::RunOutputs>> run(std::span<const tensor::TensorView> inputs) override {
    return inner_.run(inputs);
  }

 private:
  FakeSession inner_;
};

TEST_F(Pool, WhereSessionsCantBeSharedThoseThatThereAreDo) {
  pool_ = std::make_shared<RunPool>(4);
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int i = 0; i < 2; ++i) sessions.push_back(std::make_unique<Lonely>(heavy_.model));
  heavy_.scheduler =
      make_instance_scheduler(pool_, {.sessions = std::move(sessions)}, {.max_instances = 4}, heavy_.metrics);
  heavy_.model.shut();
  for (int i = 0; i < 4; ++i) desk_.submit(*heavy_.scheduler, 1);
  heavy_.model.await_runs(2);
  ASSERT_TRUE(comes_true([&] { return heavy_.scheduler->report().max_instances == 2; }));
  EXPECT_EQ(heavy_.model.runs(), (Runs{1, 1}));
  heavy_.model.open();
  desk_.await_all();
}

}  // namespace
}  // namespace saccade::schedule
