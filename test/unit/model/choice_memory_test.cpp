#include "model/choice_memory.h"

#include <fstream>
#include <sys/stat.h>
#include <thread>

#include <gtest/gtest.h>

#include "model/content_hash.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

class Memory : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "choices-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache")) found.push_back(entry.path());
    return found;
  }
  fs::path folder_;
  const RememberedChoice choice_{.candidate = {"openvino", 2, 1},
                                 .figures = "4.10 ms alone, 240/s",
                                 .warning = "they differ",
                                 .lone_threads = 4};
};

TEST_F(Memory, KeepsForTheNextProcess) {
  ChoiceMemory(folder_ / "cache").keep("key\none", choice_);
  const auto found = ChoiceMemory(folder_ / "cache").find("key\none");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->candidate, choice_.candidate);
  EXPECT_EQ(found->figures, choice_.figures);
  EXPECT_EQ(found->warning, choice_.warning);
  EXPECT_EQ(found->lone_threads, 4);
  EXPECT_FALSE(ChoiceMemory(folder_ / "cache").find("key\ntwo"));
  EXPECT_EQ(files().size(), 1U) << "nothing half written lies beside it";
}

TEST_F(Memory, WhatIsNoSuchFileIsNotThere) {
  ChoiceMemory memory(folder_ / "cache");
  memory.keep("key", choice_);
  const fs::path file = files().front();
  for (const char* content :
       {"", "{", "[]", "null", "{\"key\":\"key\"}", "\xff\xfe",
        "{\"key\":\"key\",\"engine\":3,\"threads\":1,\"instances\":1}",
        "{\"key\":\"key\",\"engine\":\"a\",\"threads\":-1,\"instances\":1}",
        "{\"key\":\"key\",\"engine\":\"a\",\"threads\":1,\"instances\":99999999}",
        "{\"key\":\"key\",\"engine\":\"a\",\"threads\":1,\"instances\":1}",
        "{\"key\":\"other\",\"engine\":\"a\",\"threads\":1,\"instances\":1,\"lone_threads\":1}"}) {
    std::ofstream(file, std::ios::trunc) << content;
    EXPECT_FALSE(memory.find("key")) << content;
  }
  std::ofstream(file, std::ios::trunc) << std::string(100'000, '[');
  EXPECT_FALSE(memory.find("key"));
  memory.keep("key", choice_);
  EXPECT_TRUE(memory.find("key")) << "the next choice takes its place";
}

TEST_F(Memory, WhatIsDoubtfulIsForgottenAfterAnHour) {
  ChoiceMemory memory(folder_ / "cache");
  RememberedChoice doubtful = choice_;
  doubtful.doubtful = true;
  memory.keep("key", doubtful);
  ASSERT_TRUE(memory.find("key"));
  EXPECT_TRUE(memory.find("key")->doubtful);
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(2);
  fs::last_write_time(files().front(), long_ago);
  EXPECT_FALSE(memory.find("key"));
  memory.keep("key", choice_);
  fs::last_write_time(files().front(), long_ago);
  EXPECT_TRUE(memory.find("key")) << "what is not stays";
}

TEST_F(Memory, APlaceThatCanNotBeWrittenIsNoFailure) {
  std::ofstream(folder_ / "cache") << "a file";
  ChoiceMemory memory(folder_ / "cache");
  memory.keep("key", choice_);
  EXPECT_FALSE(memory.find("key"));
}

TEST_F(Memory, WithoutADirectoryNothingIsKept) {
  ChoiceMemory memory({});
  memory.keep("key", choice_);
  EXPECT_FALSE(memory.find("key"));
}

TEST_F(Memory, SeveralMayWriteAtOnce) {
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      ChoiceMemory memory(folder_ / "cache");
      for (int turn = 0; turn < 50; ++turn) {
        memory.keep("key", choice_);
        EXPECT_TRUE(memory.find("key"));
      }
    });
  }
  writers.clear();
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(Memory, TheOldestMakeRoom) {
  ChoiceMemory memory(folder_ / "cache");
  for (int i = 0; i < 1'010; ++i) memory.keep(std::to_string(i), choice_);
  EXPECT_LE(files().size(), 1'000U);
  EXPECT_TRUE(memory.find("1009"));
}

TEST_F(Memory, LiesInTheUsersCache) {
  const char* had = std::getenv("XDG_CACHE_HOME");
  const std::string before = had == nullptr ? "" : had;
  setenv("XDG_CACHE_HOME", "/some/cache", 1);
  EXPECT_EQ(ChoiceMemory::default_directory(), "/some/cache/saccade/engines");
  setenv("XDG_CACHE_HOME", "not/absolute", 1);
  EXPECT_NE(ChoiceMemory::default_directory(), "not/absolute/saccade/engines");
  if (had == nullptr) {
    unsetenv("XDG_CACHE_HOME");
  } else {
    setenv("XDG_CACHE_HOME", before.c_str(), 1);
  }
}

TEST_F(Memory, AModelIsKnownByWhatItHolds) {
  const auto put = [&](const char* name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  };
  const auto hash = [&](const char* name) { return content_hash(folder_ / name).value_or("unreadable"); };
  put("a/model.onnx", std::string(1000, 'x'));
  put("b/model.onnx", std::string(1000, 'x'));
  EXPECT_EQ(hash("a/model.onnx"), hash("b/model.onnx"));
  EXPECT_EQ(hash("a/model.onnx").size(), 32U);
  put("b/model.onnx", std::string(999, 'x') + "y");
  EXPECT_NE(hash("a/model.onnx"), hash("b/model.onnx"));
  put("b/model.onnx", std::string(1001, 'x'));
  EXPECT_NE(hash("a/model.onnx"), hash("b/model.onnx"));
  put("b/model.onnx", std::string(1000, 'x'));
  put("b/model.onnx.data", "weights");
  EXPECT_NE(hash("a/model.onnx"), hash("b/model.onnx")) << "weights lie beside it";
  put("a/saved/x/1", "one");
  const std::string before = hash("a/saved");
  put("a/saved/x/1", "two");
  EXPECT_NE(hash("a/saved"), before);
  EXPECT_EQ(hash("nothing"), "unreadable");
  EXPECT_EQ(content_size(folder_ / "b/model.onnx"), 1007U);
  EXPECT_EQ(content_size(folder_ / "a/saved"), 3U);
  EXPECT_EQ(content_size(folder_ / "nothing"), 0U);
  ContentHash whole;
  ContentHash parts;
  whole.add("abcdefghijklmnop");
  parts.add("abc");
  parts.add("defghijkl");
  parts.add("mnop");
  EXPECT_EQ(whole.text(), parts.text());
}

}  // namespace
}  // namespace saccade::model
