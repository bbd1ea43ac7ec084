// A fake model with a scheduler of instance threads, and a desk that asks it.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "observe/metrics.h"
#include "schedule/model_metrics.h"
#include "schedule/run_pool.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {

class OnInstances : public testing::Test {
 protected:
  std::unique_ptr<Scheduler> make(BatchPolicy policy, std::size_t count = 1) {
    policy.max_instances = count;
    return make_instance_scheduler(pool_, {.sessions = sessions_of(model_, 1)}, policy, metrics_);
  }

  observe::Registry registry_;
  MetricsPointer metrics_ = std::make_shared<ModelMetrics>(registry_, "m", "1");
  FakeModel model_;
  Desk desk_;  // its loops outlive the pool's threads, which post to them
  std::shared_ptr<RunPool> pool_ = std::make_shared<RunPool>(3);
};

}  // namespace saccade::schedule
