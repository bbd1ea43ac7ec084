#include "record/tracer.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <gtest/gtest.h>

namespace saccade::record {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class TracerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("saccade_tracer_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    auto signature = std::make_shared<request::ModelSignature>();
    signature->name = "digits";
    signature->version = "3";
    model_ = std::move(signature);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name = "trace.json") const { return folder_ / name; }
  std::string content(const std::string& name = "trace.json") const {
    std::ifstream file(path(name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  Trace trace(const std::string& client_id = "", std::uint64_t frequency = 0) const {
    const base::TimePoint start{100ns};
    return {.model = model_,
            .client_id = client_id,
            .arrived = start,
            .timings = {.queued = start + 1ns,
                        .batched = start + 2ns,
                        .run_started = start + 3ns,
                        .run_finished = start + 4ns,
                        .answered = start + 5ns,
                        .batch_size = 1},
            .ended = start + 6ns,
            .frequency = frequency};
  }
  double counted(const std::string& name) {
    std::istringstream text(registry_.scrape());
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with(name + " ")) return std::stod(line.substr(name.size() + 1));
    }
    return -1;
  }

  fs::path folder_;
  std::shared_ptr<const request::ModelSignature> model_;
  observe::Registry registry_;
};

TEST_F(TracerTest, WritesWhatTritonsToolsRead) {
  Tracer tracer(registry_);
  ASSERT_TRUE(tracer.open(path()));
  EXPECT_EQ(content(), "[]\n");  // whole before anything was traced
  tracer.add(trace("mine \"quoted\"\n"));
  tracer.flush();
  EXPECT_EQ(
      content(),
      R"([{"id":1,"model_name":"digits","model_version":3,"request_id":"mine \u0022quoted\u0022\u000a"},)"
      "\n"
      R"({"id":1,"timestamps":[{"name":"REQUEST_START","ns":100},{"name":"QUEUE_START","ns":101},)"
      R"({"name":"COMPUTE_START","ns":102},{"name":"COMPUTE_INPUT_END","ns":103},)"
      R"({"name":"COMPUTE_OUTPUT_START","ns":104},{"name":"COMPUTE_END","ns":105},)"
      R"({"name":"REQUEST_END","ns":106}]}])"
      "\n");
}

TEST_F(TracerTest, AFailedRequestHasNoStepsItDidNotReach) {
  Tracer tracer(registry_);
  ASSERT_TRUE(tracer.open(path()));
  Trace failed = trace();
  failed.timings = {};
  tracer.add(std::move(failed));
  tracer.flush();
  EXPECT_EQ(content(),
            "[{\"id\":1,\"model_name\":\"digits\",\"model_version\":3},\n"
            R"({"id":1,"timestamps":[{"name":"REQUEST_START","ns":100},{"name":"REQUEST_END","ns":106}]}])"
            "\n");
}

TEST_F(TracerTest, ManyTracesStayOneList) {
  {
    Tracer tracer(registry_);
    ASSERT_TRUE(tracer.open(path()));
    for (int i = 0; i < 500; ++i) {
      tracer.add(trace());
      if (i % 100 == 0) tracer.flush();
    }
  }  // the end writes the rest
  const std::string text = content();
  EXPECT_TRUE(text.starts_with("[{\"id\":1,"));
  EXPECT_TRUE(text.ends_with("}]}]\n"));
  EXPECT_NE(text.find("},\n{\"id\":500,\"model_name\""), std::string::npos);
  EXPECT_EQ(text.find('['), 0U);
  EXPECT_EQ(counted("saccade_traces_total"), 500);
  EXPECT_EQ(counted("saccade_traces_lost_total"), 0);
}

TEST_F(TracerTest, AFrequencyMakesFilesOfSoMany) {
  Tracer tracer(registry_);
  ASSERT_TRUE(tracer.open(path()));
  for (int i = 0; i < 5; ++i) tracer.add(trace("", 2));
  tracer.flush();
  EXPECT_EQ(content(), "[]\n");
  EXPECT_TRUE(content("trace.json.0").starts_with("[{\"id\":1,"));
  EXPECT_NE(content("trace.json.0").find("{\"id\":2,"), std::string::npos);
  EXPECT_TRUE(content("trace.json.1").starts_with("[{\"id\":3,"));
  EXPECT_TRUE(content("trace.json.2").starts_with("[{\"id\":5,"));
  EXPECT_TRUE(content("trace.json.2").ends_with("]\n"));
  tracer.add(trace("", 0));  // and back to the one file
  tracer.flush();
  EXPECT_TRUE(content().starts_with("[{\"id\":6,"));
}

TEST_F(TracerTest, AFileThatCanNotBeOpenedIsSaid) {
  Tracer tracer(registry_);
  const auto opened = tracer.open(folder_ / "no" / "such" / "folder.json");
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("folder.json"), std::string::npos);
  tracer.add(trace());
  tracer.flush();
  EXPECT_EQ(counted("saccade_traces_lost_total"), 1);
}

TEST_F(TracerTest, PartsThatCanNotBeWrittenAreCounted) {
  Tracer tracer(registry_);
  ASSERT_TRUE(tracer.open(path()));
  fs::create_directory(path("trace.json.0"));
  tracer.add(trace("", 1));
  tracer.flush();
  EXPECT_EQ(counted("saccade_traces_lost_total"), 1);
  tracer.add(trace("", 1));  // the next file is not in the way
  tracer.flush();
  EXPECT_EQ(counted("saccade_traces_total"), 1);
  EXPECT_TRUE(content("trace.json.1").starts_with("[{\"id\":2,"));
}

}  // namespace
}  // namespace saccade::record
