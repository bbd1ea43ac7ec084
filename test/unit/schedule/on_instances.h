// A fake model with a scheduler of instance threads, and a desk that asks it.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "desk.h"
#include "fake_model.h"
#include "observe/metrics.h"
#include "schedule/model_metrics.h"
#include "schedule/scheduler.h"

namespace saccade::schedule {

class OnInstances : public testing::Test {
 protected:
  std::unique_ptr<Scheduler> make(const BatchPolicy& policy, std::size_t count = 1) {
    return make_instance_scheduler(sessions_of(model_, count), policy, metrics_);
  }

  observe::Registry registry_;
  MetricsPointer metrics_ = std::make_shared<ModelMetrics>(registry_, "m", "1");
  FakeModel model_;
  Desk desk_;
};

}  // namespace saccade::schedule
