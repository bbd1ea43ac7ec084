// What the live repository serves while files and requests change, with models made of text files: "broken"
// can't be opened.
#include "model/live_repository.h"

#include <atomic>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <optional>

#include <gtest/gtest.h>

#include "fake_engine.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FileEngine final : public engine::Engine {
 public:
  std::string name() const override { return "onnxruntime"; }
  bool reads(const std::filesystem::path&) const override { return true; }
  std::string platform(const std::filesystem::path&) const override { return name() + "_onnx"; }
  std::string version() const override { return "1"; }
  base::Result<std::unique_ptr<engine::Session>> open(const fs::path& file,
                                                      const engine::SessionOptions&) override {
    std::ifstream in(file);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (text == "broken") return base::invalid_argument(file.string() + ": is broken");
    ++opened;
    return std::make_unique<FunctionSession>(classifier_facts(), two_classes);
  }
  std::atomic<int> opened = 0;
};

class Living : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "living-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    options_.arguments = {folder_.string()};
    options_.mode = ControlMode::kExplicit;
    options_.load_at_start = {"*"};
    options_.poll_interval = 1h;  // the tests look themselves
  }
  void TearDown() override {
    repository_.reset();
    fs::remove_all(folder_);
  }

  void put(const std::string& name, const std::string& version, const std::string& text) {
    fs::create_directories(folder_ / name / version);
    std::ofstream(folder_ / name / version / "model.onnx") << text;
  }
  void configure(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name / "config.pbtxt") << text;
  }
  base::Status start() {
    repository_ = std::make_unique<LiveRepository>(catalog_, registry_, engines_, options_);
    return repository_->start([] { return false; });
  }
  base::Status load(const std::string& name, LoadOverride override = {}) {
    std::promise<base::Status> done;
    repository_->load(name, std::move(override),
                      [&](base::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }
  base::Status unload(const std::string& name) {
    std::promise<base::Status> done;
    repository_->unload(name, [&](base::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }
  // Lines "NAME VERSION STATE REASON".
  std::vector<std::string> index(bool ready_only = false) const {
    std::vector<std::string> lines;
    for (const IndexEntry& entry : repository_->index(ready_only)) {
      std::string line = entry.name;
      for (const std::string& part : {entry.version, std::string(state_name(entry.state)), entry.reason}) {
        if (!part.empty()) line += " " + part;
      }
      lines.push_back(line);
    }
    return lines;
  }
  // Until the catalogue serves these: what look() begins ends on other threads. The limit only ends a test
  // that has failed.
  void await(const std::vector<std::string>& served) {
    const auto limit = base::now() + 30s;
    while (this->served() != served && base::now() < limit) std::this_thread::yield();
    EXPECT_EQ(this->served(), served);
  }
  std::vector<std::string> served() const {
    std::vector<std::string> names;
    for (const auto& model : catalog_.all()) {
      names.push_back(model->signature()->name + " " + model->signature()->version);
    }
    return names;
  }

  using Lines = std::vector<std::string>;
  fs::path folder_;
  engine::EngineSet engines_;
  FileEngine& engine_ = add_engine<FileEngine>(engines_);
  observe::Registry registry_;
  Catalog catalog_;
  RepositoryOptions options_;
  std::unique_ptr<LiveRepository> repository_;
};

TEST_F(Living, LoadsAllAtTheStartInOneStep) {
  put("b", "1", "");
  put("a", "1", "");
  ASSERT_TRUE(start());
  EXPECT_EQ(served(), (Lines{"a 1", "b 1"}));
  EXPECT_EQ(catalog_.default_model(), "a");
  EXPECT_TRUE(repository_->complete());
}

TEST_F(Living, LoadsWhatIsAskedFor) {
  put("a", "1", "");
  put("b", "1", "");
  options_.load_at_start = {"b"};
  ASSERT_TRUE(start());
  EXPECT_EQ(index(), (Lines{"a", "b 1 READY"}));
  EXPECT_EQ(catalog_.default_model(), "b");
  EXPECT_TRUE(load("a"));
  EXPECT_EQ(index(true), (Lines{"a 1 READY", "b 1 READY"}));
  EXPECT_EQ(catalog_.default_model(), "b") << "the default stays as long as it is served";
  EXPECT_TRUE(unload("b"));
  EXPECT_EQ(index(), (Lines{"a 1 READY", "b 1 UNAVAILABLE unloaded"}));
  EXPECT_EQ(catalog_.default_model(), "a");
}

TEST_F(Living, AnUnknownNameLeavesNoTrace) {
  ASSERT_TRUE(start());
  EXPECT_EQ(load("nobody").error().code, base::Code::kNotFound);
  EXPECT_EQ(load("../etc").error().code, base::Code::kNotFound);
  EXPECT_TRUE(unload("nobody"));
  EXPECT_EQ(index(), Lines{});
  EXPECT_EQ(registry_.scrape().find("nobody"), std::string::npos);
}

TEST_F(Living, ABrokenModelIsTheStartsFailureOrNot) {
  put("good", "1", "");
  put("poor", "1", "broken");
  const base::Status failed = start();
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("load failed for model 'poor': version 1 is at UNAVAILABLE state: "),
            std::string::npos);
  repository_.reset();
  options_.exit_on_error = false;
  ASSERT_TRUE(start());
  EXPECT_EQ(served(), (Lines{"good 1"}));
  EXPECT_FALSE(repository_->complete());
  put("poor", "1", "");
  EXPECT_TRUE(load("poor"));
  EXPECT_TRUE(repository_->complete());
}

TEST_F(Living, AVersionThatDoesNotLoadLeavesTheOld) {
  put("a", "1", "one");
  ASSERT_TRUE(start());
  put("a", "2", "broken");
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(served(), (Lines{"a 1"}));
  const Lines lines = index();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "a 1 READY");
  EXPECT_TRUE(lines[1].starts_with("a 2 UNAVAILABLE ")) << lines[1];
  fs::remove_all(folder_ / "a/2");
  EXPECT_TRUE(load("a"));
  EXPECT_EQ(index(), (Lines{"a 1 READY"}));
}

TEST_F(Living, WhatHasNotChangedIsNotLoadedAgain) {
  put("a", "1", "one");
  put("a", "2", "two");
  configure("a", "version_policy { all { } }");
  ASSERT_TRUE(start());
  const auto before = *catalog_.find("a", "1");
  put("a", "2", "another two");
  EXPECT_TRUE(load("a"));
  EXPECT_EQ(*catalog_.find("a", "1"), before);
  const int opened = engine_.opened;
  EXPECT_TRUE(load("a"));
  EXPECT_EQ(engine_.opened, opened);
}

TEST_F(Living, AReplacedVersionEndsWithItsLastRequest) {
  put("a", "1", "one");
  ASSERT_TRUE(start());
  auto held = *catalog_.find("a", "");  // as a request does on its way
  put("a", "2", "two");
  EXPECT_TRUE(load("a"));
  EXPECT_EQ(served(), (Lines{"a 2"}));
  EXPECT_EQ(index(), (Lines{"a 1 UNLOADING", "a 2 READY"}));
  held.reset();
  EXPECT_EQ(index(), (Lines{"a 1 UNAVAILABLE unloaded", "a 2 READY"}));
}

TEST_F(Living, UnloadIsDoneWhenTheLastRequestIs) {
  put("a", "1", "one");
  ASSERT_TRUE(start());
  auto held = *catalog_.find("a", "");
  std::promise<base::Status> done;
  std::future<base::Status> answered = done.get_future();
  repository_->unload("a", [&](base::Status status) { done.set_value(std::move(status)); });
  await({});
  EXPECT_EQ(answered.wait_for(0s), std::future_status::timeout);
  held.reset();
  EXPECT_TRUE(answered.get());
}

TEST_F(Living, UnloadDoesNotWaitForEver) {
  options_.unload_timeout = 1ms;
  put("a", "1", "one");
  ASSERT_TRUE(start());
  const auto held = *catalog_.find("a", "");
  EXPECT_EQ(unload("a").error().code, base::Code::kDeadlineExceeded);
  EXPECT_EQ(index(), (Lines{"a 1 UNLOADING"}));
}

TEST_F(Living, ARequestBringsItsOwnConfigurationAndFiles) {
  put("a", "1", "one");
  ASSERT_TRUE(start());
  EXPECT_TRUE(load("a", {.config_json = R"({"maxBatchSize": 5})", .files = {}}));
  EXPECT_EQ((*catalog_.find("a", ""))->config().max_batch_size(), 5);
  EXPECT_TRUE(load("a", {.config_json = "{}", .files = {{"3/model.onnx", "three"}}}));
  EXPECT_EQ(served(), (Lines{"a 3"}));
  EXPECT_TRUE(load("b", {.config_json = "{}", .files = {{"1/model.onnx", "new"}}}));
  EXPECT_EQ(served(), (Lines{"a 3", "b 1"}));
  EXPECT_FALSE(load("a", {.config_json = "{}", .files = {{"../1/model.onnx", "x"}}}));
  EXPECT_FALSE(load("..", {.config_json = "{}", .files = {{"1/model.onnx", "x"}}}));
  const base::Status broken = load("c", {.config_json = "{}", .files = {{"1/model.onnx", "broken"}}});
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("c/1/model.onnx: is broken"), std::string::npos);
  EXPECT_EQ(broken.error().message.find("/tmp"), std::string::npos) << "where it lay is nobody's business";
  EXPECT_TRUE(load("a"));
  EXPECT_EQ(served(), (Lines{"a 1", "b 1"}));
}

TEST_F(Living, OldVersionsAreForgotten) {
  put("a", "1", "");
  ASSERT_TRUE(start());
  for (int version = 2; version <= 60; ++version) {
    put("a", std::to_string(version), "");
    ASSERT_TRUE(load("a"));
    fs::remove_all(folder_ / "a" / std::to_string(version - 1));
  }
  EXPECT_LE(index().size(), 34U);
  EXPECT_EQ(registry_.scrape().find("version=\"2\""), std::string::npos);
  EXPECT_NE(registry_.scrape().find("version=\"60\""), std::string::npos);
}

TEST_F(Living, PollFollowsTheDiskOnceItIsStill) {
  options_.mode = ControlMode::kPoll;
  put("a", "1", "one");
  ASSERT_TRUE(start());
  EXPECT_FALSE(load("a")) << "not by request";
  put("a", "2", "tw");
  repository_->look();
  EXPECT_EQ(served(), (Lines{"a 1"})) << "seen for the first time";
  put("a", "2", "two");
  repository_->look();
  EXPECT_EQ(served(), (Lines{"a 1"})) << "it has changed since";
  repository_->look();
  await({"a 2"});
  put("b", "1", "new");
  repository_->look();
  repository_->look();
  await({"a 2", "b 1"});
  fs::remove_all(folder_ / "a");
  repository_->look();
  EXPECT_EQ(served(), (Lines{"a 2", "b 1"})) << "whoever replaces it takes it away for a moment";
  repository_->look();
  await({"b 1"});
}

TEST_F(Living, PollTriesABrokenModelOnce) {
  options_.mode = ControlMode::kPoll;
  put("a", "1", "one");
  ASSERT_TRUE(start());
  put("a", "2", "broken");
  for (int i = 0; i < 3; ++i) repository_->look();
  put("a", "3", "three");
  for (int i = 0; i < 2; ++i) repository_->look();
  await({"a 3"});
}

TEST_F(Living, APlaceThatCanNotBeSeenChangesNothing) {
  options_.mode = ControlMode::kPoll;
  put("a", "1", "one");
  ASSERT_TRUE(start());
  fs::rename(folder_, folder_.string() + "-away");
  for (int i = 0; i < 4; ++i) repository_->look();
  EXPECT_EQ(served(), (Lines{"a 1"}));
  fs::rename(folder_.string() + "-away", folder_);
}

TEST_F(Living, NoneTakesNoRequests) {
  options_.mode = ControlMode::kNone;
  put("a", "1", "one");
  ASSERT_TRUE(start());
  EXPECT_EQ(load("a").error().code, base::Code::kUnavailable);
  EXPECT_EQ(unload("a").error().code, base::Code::kUnavailable);
  EXPECT_EQ(served(), (Lines{"a 1"}));
}

TEST_F(Living, EndsWhileRequestsWait) {
  for (int i = 0; i < 8; ++i) put("m" + std::to_string(i), "1", "");
  options_.load_at_start = {};
  ASSERT_TRUE(start());
  std::atomic<int> answered = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "m" + std::to_string(i % 8);
    const auto done = [&](const base::Status&) { ++answered; };
    if (i % 3 == 0) {
      repository_->unload(name, done);
    } else {
      repository_->load(name, {}, done);
    }
  }
  repository_->close();
  EXPECT_EQ(answered, 40);
  EXPECT_TRUE(served().empty());
  EXPECT_FALSE(load("m1"));
}

TEST_F(Living, StartCanBeGivenUp) {
  for (int i = 0; i < 4; ++i) put("m" + std::to_string(i), "1", "");
  repository_ = std::make_unique<LiveRepository>(catalog_, registry_, engines_, options_);
  const base::Status given_up = repository_->start([] { return true; });
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code, base::Code::kCancelled);
  EXPECT_TRUE(served().empty());
}

}  // namespace
}  // namespace saccade::model
