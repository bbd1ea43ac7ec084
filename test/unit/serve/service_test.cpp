// The service's side of the repository: answers come on the caller's loop, and say what there is.
#include "serve/service.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "echo_engine.h"

namespace saccade::serve {
namespace {

namespace fs = std::filesystem;

class Repository : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "service-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    fs::create_directories(folder_ / "echo/1");
    std::ofstream(folder_ / "echo/1/model.onnx") << "anything";
    engines_.add(std::make_unique<EchoEngine>());
    model::RepositoryOptions options;
    options.arguments = {folder_.string()};
    options.mode = model::ControlMode::kExplicit;
    options.load.loops = 1;
    service_.set_repository(
        std::make_unique<model::LiveRepository>(service_.catalog(), registry_, engines_, options), true);
    ASSERT_TRUE(service_.repository()->start([] { return false; }));
    loops_.start();
  }
  void TearDown() override {
    service_.close();
    loops_.stop();
    fs::remove_all(folder_);
  }
  // What the answer said; it must come on the loop that was named.
  std::string answer(const std::function<void(runtime::EventLoop&, Service::Changed)>& ask) {
    std::promise<std::string> said;
    loops_[0].post([&] {
      ask(loops_[0], [&](const base::Status& status) {
        EXPECT_EQ(runtime::EventLoop::current(), &loops_[0]);
        said.set_value(status ? "done" : std::string(base::code_name(status.error().code)));
      });
    });
    return said.get_future().get();
  }
  std::string load(const std::string& name) {
    return answer([&](auto& loop, auto changed) { service_.load_model(name, {}, loop, std::move(changed)); });
  }
  std::string unload(const std::string& name) {
    return answer(
        [&](auto& loop, auto changed) { service_.unload_model(name, true, loop, std::move(changed)); });
  }
  // Asks the model for so many items at once.
  void infer(std::int64_t items) {
    std::promise<void> done;
    loops_[0].post([&] {
      request::InferenceRequest request;
      request.inputs.emplace_back(tensor::DataType::kFp32, tensor::Shape{items, 2});
      std::ranges::fill(request.inputs[0].as<float>(), 1.0F);
      request.batch = items;
      request.arrived = base::now();
      service_.infer(*service_.catalog().find("echo", ""), std::move(request), loops_[0],
                     [&](const base::Result<request::InferenceResponse>& response) {
                       EXPECT_TRUE(response);
                       done.set_value();
                     });
    });
    done.get_future().get();
  }

  fs::path folder_;
  engine::EngineSet engines_;
  observe::Registry registry_;
  runtime::LoopGroup loops_{1};
  Service service_{registry_, nullptr, LogMode::kDrop, false};
};

TEST_F(Repository, LoadsAndUnloadsWithAnswersOnTheLoop) {
  EXPECT_EQ(load("echo"), "done");
  ASSERT_EQ(service_.repository_index(true).size(), 1U);
  EXPECT_EQ(service_.repository_index(true)[0].name, "echo");
  EXPECT_EQ(load("nobody"), "not_found");
  EXPECT_EQ(unload("echo"), "done");
  EXPECT_TRUE(service_.repository_index(true).empty());
  ASSERT_EQ(service_.repository_index(false).size(), 1U);
  EXPECT_EQ(service_.repository_index(false)[0].reason, "unloaded");
}

TEST_F(Repository, StatisticsBeginWithTheLoad) {
  EXPECT_EQ(service_.statistics("", "")->size(), 0U);
  EXPECT_EQ(service_.statistics("echo", "").error().code, base::Code::kNotFound);
  load("echo");
  infer(3);
  infer(1);
  const auto statistics = service_.statistics("echo", "1");
  ASSERT_TRUE(statistics);
  ASSERT_EQ(statistics->size(), 1U);
  EXPECT_EQ((*statistics)[0].name, "echo");
  EXPECT_EQ((*statistics)[0].version, "1");
  EXPECT_EQ((*statistics)[0].success.count, 2U);
  EXPECT_EQ((*statistics)[0].inference_count, 4U);
  EXPECT_EQ(service_.statistics("", "")->size(), 1U);
  EXPECT_EQ(service_.statistics("echo", "7").error().code, base::Code::kNotFound);
  unload("echo");
  load("echo");
  EXPECT_EQ(service_.statistics("echo", "")->front().success.count, 0U);
  EXPECT_NE(registry_.scrape().find("nv_inference_count{model=\"echo\",version=\"1\"} 4"), std::string::npos)
      << "counters go on";
}

TEST_F(Repository, IsReadyWhenTheStartIsComplete) {
  EXPECT_FALSE(service_.ready());
  service_.set_ready(true);
  EXPECT_TRUE(service_.ready());
  service_.set_ready(false);
  EXPECT_FALSE(service_.ready());
}

}  // namespace
}  // namespace saccade::serve
