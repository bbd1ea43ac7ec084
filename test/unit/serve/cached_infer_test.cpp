// Requests for a cached model, with the way to the model held in the test's hand: who is answered by which
// run, on which loop, and what becomes of those who wait.
#include "serve/cached_infer.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "echo_engine.h"
#include "model/repository.h"

namespace saccade::serve {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Response = base::Result<request::InferenceResponse>;

// A request on its way to the model.
struct Sent {
  request::InferenceRequest request;
  runtime::EventLoop* loop;
  schedule::Done done;
};

class Outputs final : public request::OutputOwner {
 public:
  explicit Outputs(tensor::Tensor made) : tensor(std::move(made)) {}
  tensor::Tensor tensor;
};

class CachedInferTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "cached-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    std::ofstream(folder_ / "echo.onnx") << "anything";
    engines_.add(std::make_unique<EchoEngine>());
    loops_.start();
    model_ = load();
  }
  void TearDown() override {
    wait_for_loops();
    loops_.stop();
    model_.reset();
    fs::remove_all(folder_);
  }
  CachedInfer::ModelPointer load() {
    const auto found = model::find_models((folder_ / "echo.onnx").string());
    model::LoadOptions options;
    options.cache.all = true;
    auto loaded = model::LoadedModel::load(found->models[0], engines_, registry_, options);
    EXPECT_TRUE(loaded.has_value());
    return *std::move(loaded);
  }

  static request::InferenceRequest request_of(float value) {
    request::InferenceRequest request;
    request.inputs.emplace_back(tensor::DataType::kFp32, tensor::Shape{1, 2});
    std::ranges::fill(request.inputs[0].as<float>(), value);
    request.arrived = base::now();
    return request;
  }
  // Asks on a loop; the future has what the answer said: its value, or the error's name.
  std::future<std::string> ask(std::size_t loop, request::InferenceRequest request,
                               CachedInfer::ModelPointer model = nullptr) {
    auto said = std::make_shared<std::promise<std::string>>();
    auto future = said->get_future();
    runtime::EventLoop& on = loops_[loop];
    on.post([this, &on, said, request = std::move(request), model = model ? model : model_]() mutable {
      cached_->infer(model, std::move(request), on, [&on, said](const Response& response) {
        EXPECT_EQ(runtime::EventLoop::current(), &on);
        said->set_value(response ? std::to_string(static_cast<int>(response->outputs[0].as<float>()[0])) +
                                       (response->freshness.hit ? " kept" : " run")
                                 : std::string(base::code_name(response.error().code)));
      });
    });
    return future;
  }
  // Everything that was posted has run, and what that posted to other loops.
  void wait_for_loops() {
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < loops_.size(); ++i) {
        std::promise<void> reached;
        loops_[i].post([&reached] { reached.set_value(); });
        reached.get_future().wait();
      }
    }
  }
  std::size_t sent() {
    const std::lock_guard lock(mutex_);
    return sent_.size();
  }
  // The model answers what was sent as number `place`, with the input or with an error.
  void answer(std::size_t place, std::optional<base::Code> error = {}) {
    Sent sent;
    {
      const std::lock_guard lock(mutex_);
      sent = std::move(sent_[place]);
    }
    runtime::EventLoop& loop = *sent.loop;
    loop.post([sent = std::move(sent), error]() mutable {
      if (error) return sent.done(base::fail(*error, "said the model"));
      auto owner = std::make_shared<Outputs>(std::move(sent.request.inputs[0]));
      request::InferenceResponse response;
      response.outputs.push_back(owner->tensor.view());
      response.owner = owner;
      sent.done(std::move(response));
    });
    wait_for_loops();
  }

  fs::path folder_;
  engine::EngineSet engines_;
  observe::Registry registry_;
  runtime::LoopGroup loops_{2};
  CachedInfer::ModelPointer model_;
  std::mutex mutex_;
  std::vector<Sent> sent_;  // guarded by mutex_
  std::unique_ptr<CachedInfer> cached_ = std::make_unique<CachedInfer>(
      cache::Settings{.memory_bytes = 1 << 20, .lifetime = 60s, .redis_timeout = 5ms}, registry_, nullptr,
      [this](const CachedInfer::ModelPointer&, request::InferenceRequest request, runtime::EventLoop& loop,
             schedule::Done done) {
        const std::lock_guard lock(mutex_);
        sent_.push_back({std::move(request), &loop, std::move(done)});
      });
};

TEST_F(CachedInferTest, TheSecondIsAHit) {
  auto first = ask(0, request_of(7));
  wait_for_loops();
  answer(0);
  EXPECT_EQ(first.get(), "7 run");
  EXPECT_EQ(ask(1, request_of(7)).get(), "7 kept");
  EXPECT_EQ(sent(), 1U);
  const request::ModelStatistics statistics = model_->statistics();
  EXPECT_EQ(statistics.cache_hit.count, 1U);
  EXPECT_EQ(statistics.cache_miss.count, 1U);
  EXPECT_EQ(statistics.success.count, 1U) << "the run is counted by the scheduler, which was not asked here";
}

TEST_F(CachedInferTest, AnotherCopyOfTheModelHasItsOwn) {
  auto first = ask(0, request_of(7));
  wait_for_loops();
  answer(0);
  EXPECT_EQ(first.get(), "7 run");
  auto other = ask(0, request_of(7), load());
  wait_for_loops();
  EXPECT_EQ(sent(), 2U) << "the same file, loaded again";
  answer(1);
  EXPECT_EQ(other.get(), "7 run");
}

TEST_F(CachedInferTest, EqualOnesWaitForOneRun) {
  std::vector<std::future<std::string>> answers;
  for (std::size_t i = 0; i < 10; ++i) answers.push_back(ask(i % 2, request_of(7)));
  auto other = ask(0, request_of(8));
  wait_for_loops();
  EXPECT_EQ(sent(), 2U);
  for (std::size_t place = 0; place < 2; ++place) answer(place);
  int ran = 0;
  for (auto& one : answers) {
    const std::string said = one.get();
    EXPECT_TRUE(said == "7 run" || said == "7 kept") << said;
    ran += said == "7 run" ? 1 : 0;
  }
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(other.get(), "8 run");
}

TEST_F(CachedInferTest, IfTheFirstHasGoneTheNextOneRuns) {
  auto first = ask(0, request_of(7));
  wait_for_loops();
  auto second = ask(1, request_of(7));
  wait_for_loops();
  auto third = ask(0, request_of(7));
  wait_for_loops();
  answer(0, base::Code::kCancelled);
  EXPECT_EQ(first.get(), "cancelled");
  ASSERT_EQ(sent(), 2U) << "one of the two, not both";
  answer(1);
  EXPECT_EQ(second.get(), "7 run");
  EXPECT_EQ(third.get(), "7 kept");
}

TEST_F(CachedInferTest, WhoHasGoneMeanwhileIsPassedOver) {
  auto first = ask(0, request_of(7));
  wait_for_loops();
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  auto leaving = request_of(7);
  leaving.caller_gone = gone;
  auto second = ask(1, std::move(leaving));
  wait_for_loops();
  auto third = ask(0, request_of(7));
  wait_for_loops();
  *gone = true;
  answer(0, base::Code::kDeadlineExceeded);
  EXPECT_EQ(first.get(), "deadline_exceeded");
  EXPECT_EQ(second.get(), "cancelled");
  ASSERT_EQ(sent(), 2U);
  answer(1);
  EXPECT_EQ(third.get(), "7 run");
}

TEST_F(CachedInferTest, IfTheRunFailsEachRunsOnItsOwn) {
  auto first = ask(0, request_of(7));
  wait_for_loops();
  auto second = ask(1, request_of(7));
  auto third = ask(1, request_of(7));
  wait_for_loops();
  answer(0, base::Code::kInternal);
  EXPECT_EQ(first.get(), "internal");
  ASSERT_EQ(sent(), 3U);
  answer(1);
  answer(2, base::Code::kInternal);
  EXPECT_EQ(second.get(), "7 run");
  EXPECT_EQ(third.get(), "internal");
  EXPECT_EQ(ask(0, request_of(7)).get(), "7 kept") << "what failed was not kept, what ran was";
}

TEST_F(CachedInferTest, WhoWaitsKeepsItsDeadline) {
  auto first = ask(0, request_of(7));
  wait_for_loops();
  auto hurried = request_of(7);
  hurried.deadline = base::now() + 1ms;
  auto second = ask(1, std::move(hurried));
  EXPECT_EQ(second.get(), "deadline_exceeded") << "while the first still runs";
  EXPECT_EQ(model_->statistics().fail.count, 1U);
  answer(0);
  EXPECT_EQ(first.get(), "7 run");
}

TEST_F(CachedInferTest, WishesAreKept) {
  auto stored = ask(0, request_of(7));
  wait_for_loops();
  answer(0);
  EXPECT_EQ(stored.get(), "7 run");
  auto no_cache = request_of(7);
  no_cache.cache.look_up = false;
  auto anew = ask(0, std::move(no_cache));
  wait_for_loops();
  answer(1);
  EXPECT_EQ(anew.get(), "7 run");
  auto no_store = request_of(9);
  no_store.cache = {
      .look_up = false, .store = false, .only_if_cached = false, .oldest = base::Duration::max()};
  auto untraced = ask(0, std::move(no_store));
  wait_for_loops();
  answer(2);
  EXPECT_EQ(untraced.get(), "9 run");
  auto only = request_of(9);
  only.cache.only_if_cached = true;
  EXPECT_EQ(ask(0, std::move(only)).get(), "deadline_exceeded");
  only = request_of(7);
  only.cache.only_if_cached = true;
  EXPECT_EQ(ask(0, std::move(only)).get(), "7 kept");
  auto young = request_of(7);
  young.cache.oldest = 0s;
  auto younger = ask(0, std::move(young));
  wait_for_loops();
  EXPECT_EQ(sent(), 4U);
  answer(3);
  EXPECT_EQ(younger.get(), "7 run");
}

TEST_F(CachedInferTest, WhoDoesNotShareHasItsOwn) {
  const auto apart = [](std::string name) {
    auto request = request_of(7);
    auto caller = std::make_shared<request::Caller>();
    caller->name = std::move(name);
    caller->shares_cache = false;
    request.caller = caller;
    return request;
  };
  auto everybody = ask(0, request_of(7));
  wait_for_loops();
  answer(0);
  EXPECT_EQ(everybody.get(), "7 run");
  auto one = ask(0, apart("one"));
  wait_for_loops();
  ASSERT_EQ(sent(), 2U);
  answer(1);
  EXPECT_EQ(one.get(), "7 run");
  EXPECT_EQ(ask(0, apart("one")).get(), "7 kept");
  auto other = ask(0, apart("other"));
  wait_for_loops();
  ASSERT_EQ(sent(), 3U);
  answer(2);
  EXPECT_EQ(other.get(), "7 run");
}

TEST_F(CachedInferTest, NobodyIsForgottenUnderLoad) {
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 400; ++i)
    answers.push_back(ask(static_cast<std::size_t>(i) % 2, request_of(static_cast<float>(i % 5))));
  wait_for_loops();
  for (std::size_t place = 0; place < sent(); ++place) {
    answer(place, place % 3 == 0 ? std::optional(base::Code::kCancelled) : std::nullopt);
  }
  for (auto& one : answers) {
    ASSERT_EQ(one.wait_for(20s), std::future_status::ready);
    one.get();
  }
}

}  // namespace
}  // namespace saccade::serve
