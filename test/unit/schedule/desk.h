// Where a test hands jobs in and gets their answers. The loops have no threads of their own: the test's
// thread runs them in await(), so that answers come when it says.
#pragma once

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "schedule/scheduler.h"

namespace saccade::schedule {

struct Answer {
  int times = 0;         // answered, which must be once
  bool own_loop = true;  // on the loop that the job came from
  std::optional<base::Code> failed;
  std::string message;
  std::vector<float> y;
  std::int64_t batch_size = 0;
  std::size_t place = 0;  // in the order of the answers
};

class Desk {
 public:
  using Gone = std::shared_ptr<std::atomic<bool>>;

  explicit Desk(std::size_t loops = 1) {
    for (std::size_t i = 0; i < loops; ++i) {
      loops_.push_back(std::make_unique<runtime::EventLoop>(i));
    }
  }

  // A job of `rows` equal rows of the given width; returns its number.
  std::size_t submit(Scheduler& scheduler, float value, std::int64_t rows = 1, std::int64_t width = 1,
                     std::size_t loop = 0, Gone gone = nullptr) {
    return submit(scheduler, value, {rows, width}, loop, std::move(gone));
  }
  std::size_t submit(Scheduler& scheduler, float value, const tensor::Shape& shape, std::size_t loop,
                     Gone gone) {
    return submit(scheduler, value, shape, loop, std::move(gone), {});
  }
  // With the priority, time limit or deadline of `like`.
  std::size_t submit(Scheduler& scheduler, float value, request::InferenceRequest like) {
    return submit(scheduler, value, {1, 1}, 0, nullptr, std::move(like));
  }
  std::size_t submit(Scheduler& scheduler, float value, const tensor::Shape& shape, std::size_t loop,
                     Gone gone, request::InferenceRequest like) {
    answers_.push_back(std::make_unique<Answer>());
    Answer* answer = answers_.back().get();
    Job job;
    job.request = std::move(like);
    tensor::Tensor x(tensor::DataType::kFp32, shape);
    std::ranges::fill(x.as<float>(), value);
    job.request.inputs.push_back(std::move(x));
    job.request.batch = shape.rank() == 0 ? 1 : shape[0];
    job.request.caller_gone = std::move(gone);
    job.loop = loops_[loop].get();
    job.done = [this, answer, loop](base::Result<request::InferenceResponse> response) {
      ++answer->times;
      answer->own_loop = running_ == loop || submitting_;
      answer->place = answered_++;
      if (!response) {
        answer->failed = response.error().code;
        answer->message = response.error().message;
        return;
      }
      const auto y = response->outputs[0].as<float>();
      answer->y.assign(y.begin(), y.end());
      answer->batch_size = response->timings.batch_size;
    };
    submitting_ = true;
    scheduler.submit(std::move(job));
    submitting_ = false;
    return answers_.size() - 1;
  }

  // Runs the loops until every job so far has its answer. The time limit only ends a test that has failed.
  void await_all() {
    const auto limit = base::now() + std::chrono::seconds(30);
    while (answered_ < answers_.size() && base::now() < limit) {
      for (running_ = 0; running_ < loops_.size(); ++running_) {
        if (loops_.size() == 1) {
          loops_[running_]->run_one_for(std::chrono::seconds(30));
        } else {
          loops_[running_]->run_one_for(std::chrono::microseconds(100));
        }
      }
    }
    ASSERT_EQ(answered_, answers_.size()) << "some jobs were not answered";
    poll();
    for (const auto& answer : answers_) {
      EXPECT_EQ(answer->times, 1);
      EXPECT_TRUE(answer->own_loop);
    }
  }
  // Runs what is ready.
  void poll() {
    for (running_ = 0; running_ < loops_.size(); ++running_) loops_[running_]->poll();
  }

  const Answer& operator[](std::size_t job) const { return *answers_[job]; }
  std::size_t answered() const { return answered_; }

 private:
  std::vector<std::unique_ptr<runtime::EventLoop>> loops_;
  std::vector<std::unique_ptr<Answer>> answers_;
  std::size_t answered_ = 0;
  std::size_t running_ = 0;
  bool submitting_ = false;
};

}  // namespace saccade::schedule
