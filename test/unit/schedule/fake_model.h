// A model that the test holds in its hand: y = x, row by row. Runs wait while the gate is shut, so that a
// test decides what has arrived when an instance becomes free.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"

namespace saccade::schedule {

// Safe from any thread; shared by all sessions of the model.
class FakeModel {
 public:
  // Values from which a run is refused as the request's fault, or fails as the model's.
  static constexpr float kRefused = -1;
  static constexpr float kBroken = -2;

  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Until this many runs have begun.
  void await_runs(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return runs_.size() >= count; });
  }
  // Items of each run, in the order they began.
  std::vector<std::int64_t> runs() const {
    const std::lock_guard lock(mutex_);
    return runs_;
  }
  // From now on outputs have one row whatever came in, as those of a model that can't batch.
  void answer_one_row() { one_row_ = true; }

  base::Result<std::shared_ptr<engine::RunOutputs>> run(const tensor::TensorView& x) {
    {
      std::unique_lock lock(mutex_);
      runs_.push_back(x.shape.rank() == 0 ? 1 : x.shape[0]);
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
    }
    for (const float value : x.as<float>()) {
      if (value == kRefused) return base::invalid_argument("the model takes no " + std::to_string(kRefused));
      if (value == kBroken) return base::fail(base::Code::kInternal, "the model broke");
    }
    auto outputs = std::make_shared<engine::RunOutputs>();
    auto copy = std::make_shared<tensor::Tensor>(x.type, x.shape);
    if (x.byte_size() > 0) std::memcpy(copy->data(), x.data, x.byte_size());
    outputs->views.push_back(copy->view());
    if (one_row_) outputs->views[0].shape[0] = 1;
    outputs->memory = copy;
    return outputs;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;                // guarded by mutex_
  std::vector<std::int64_t> runs_;  // guarded by mutex_
  std::atomic<bool> one_row_ = false;
};

class FakeSession final : public engine::Session {
 public:
  explicit FakeSession(FakeModel& model) : model_(model) {
    facts_.inputs = {{"x", tensor::DataType::kFp32, {-1, -1}, {}}};
    facts_.outputs = {{"y", tensor::DataType::kFp32, {-1, -1}, {}}};
  }
  const engine::ModelFacts& facts() const override { return facts_; }
  base::Result<std::shared_ptr<engine::RunOutputs>> run(std::span<const tensor::TensorView> inputs) override {
    return model_.run(inputs[0]);
  }
  std::unique_ptr<engine::Session> share() override { return std::make_unique<FakeSession>(model_); }

 private:
  FakeModel& model_;
  engine::ModelFacts facts_;
};

inline std::vector<std::unique_ptr<engine::Session>> sessions_of(FakeModel& model, std::size_t count) {
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (std::size_t i = 0; i < count; ++i) sessions.push_back(std::make_unique<FakeSession>(model));
  return sessions;
}

}  // namespace saccade::schedule
