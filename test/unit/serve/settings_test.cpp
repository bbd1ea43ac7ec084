#include "serve/settings.h"

#include <filesystem>
#include <unistd.h>

#include <gtest/gtest.h>

#include "observe/log.h"

namespace saccade::serve {
namespace {

void expect_refused(const base::Status& status, std::string_view part) {
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, base::Code::kInvalidArgument);
  EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
}

class LogSettingsTest : public testing::Test {
 protected:
  void TearDown() override { observe::set_log_settings({}); }
};

TEST_F(LogSettingsTest, ChangesTakeEffectTogether) {
  ASSERT_TRUE(change_log_settings({{"log_info", false},
                                   {"log_verbose_level", std::uint64_t{2}},
                                   {"log_format", std::string("default")},
                                   {"log_file", std::string()}}));
  const observe::LogSettings settings = observe::log_settings();
  EXPECT_FALSE(settings.info);
  EXPECT_TRUE(settings.debug);
  EXPECT_TRUE(settings.warning);
  EXPECT_EQ(settings.format, observe::LogFormat::kTriton);
  EXPECT_EQ(std::get<bool>(log_settings().at("log_info")), false);
  EXPECT_EQ(std::get<std::uint64_t>(log_settings().at("log_verbose_level")), 1U);
  EXPECT_EQ(std::get<std::string>(log_settings().at("log_format")), "default");
  EXPECT_EQ(log_settings().size(), 6U);
}

TEST_F(LogSettingsTest, WrongOnesChangeNothing) {
  expect_refused(change_log_settings({{"log_error", false}, {"log_info", std::string("false")}}),
                 "\"log_info\"");
  EXPECT_TRUE(observe::log_settings().error);
  expect_refused(change_log_settings({{"log_verbose_level", true}}), "\"log_verbose_level\"");
  expect_refused(change_log_settings({{"log_format", std::string("xml")}}), "\"ISO8601\" or \"default\"");
  expect_refused(change_log_settings({{"log_format", std::uint64_t{1}}}), "\"ISO8601\" or \"default\"");
  expect_refused(change_log_settings({{"log_file", std::string("/tmp/x")}}), "stderr");
  expect_refused(change_log_settings({{"colour", std::string("red")}}), "there is no log setting \"colour\"");
}

class TraceSettingsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tracer_.open(file_)); }
  void TearDown() override { std::filesystem::remove(file_); }

  const std::string file_ =
      std::filesystem::temp_directory_path() / ("saccade_trace_settings_" + std::to_string(getpid()));
  observe::Registry registry_;
  record::Tracer tracer_{registry_};
};

TEST_F(TraceSettingsTest, AreAsTritonNamesThem) {
  const TraceSettingValues at_start{{"trace_level", {"OFF"}}, {"trace_rate", {"1000"}},
                                    {"trace_count", {"-1"}},  {"log_frequency", {"0"}},
                                    {"trace_file", {file_}},  {"trace_mode", {"triton"}}};
  EXPECT_EQ(trace_settings(tracer_, ""), at_start);
  ASSERT_TRUE(change_trace_settings(tracer_, "",
                                    {{"trace_level", {"TIMESTAMPS"}},
                                     {"trace_rate", {"5"}},
                                     {"trace_count", {"18"}},
                                     {"log_frequency", {"3"}},
                                     {"trace_file", {file_}},  // as it is
                                     {"trace_mode", {"triton"}}}));
  EXPECT_EQ(trace_settings(tracer_, "").at("trace_level"), std::vector<std::string>{"TIMESTAMPS"});
  EXPECT_EQ(trace_settings(tracer_, "any").at("trace_rate"), std::vector<std::string>{"5"});
  EXPECT_EQ(trace_settings(tracer_, "").at("trace_count"), std::vector<std::string>{"18"});
  EXPECT_EQ(trace_settings(tracer_, "").at("log_frequency"), std::vector<std::string>{"3"});

  ASSERT_TRUE(change_trace_settings(tracer_, "mine", {{"trace_rate", {"7"}}}));
  EXPECT_EQ(trace_settings(tracer_, "mine").at("trace_rate"), std::vector<std::string>{"7"});
  ASSERT_TRUE(change_trace_settings(tracer_, "mine", {{"trace_rate", {}}}));
  EXPECT_EQ(trace_settings(tracer_, "mine").at("trace_rate"), std::vector<std::string>{"5"});
  ASSERT_TRUE(change_trace_settings(
      tracer_, "", {{"trace_level", {}}, {"trace_rate", {}}, {"trace_count", {}}, {"log_frequency", {}}}));
  EXPECT_EQ(trace_settings(tracer_, ""), at_start);
}

TEST_F(TraceSettingsTest, WrongOnesChangeNothing) {
  expect_refused(change_trace_settings(tracer_, "", {{"log_frequency", {"4"}}, {"trace_rate", {"fast"}}}),
                 "\"trace_rate\" must be a whole number from 1, not \"fast\"");
  EXPECT_EQ(trace_settings(tracer_, "").at("log_frequency"), std::vector<std::string>{"0"});
  for (const char* rate : {"0", "-1", "", "1.5", "7x", " 7", "99999999999999999999"}) {
    expect_refused(change_trace_settings(tracer_, "", {{"trace_rate", {rate}}}), "\"trace_rate\"");
  }
  expect_refused(change_trace_settings(tracer_, "", {{"trace_rate", {"1", "2"}}}), "takes one value");
  expect_refused(change_trace_settings(tracer_, "", {{"trace_count", {"-2"}}}), "\"trace_count\"");
  expect_refused(change_trace_settings(tracer_, "", {{"log_frequency", {"-1"}}}), "\"log_frequency\"");
  expect_refused(change_trace_settings(tracer_, "", {{"trace_level", {"TENSORS"}}}),
                 "\"OFF\" or \"TIMESTAMPS\"");
  expect_refused(change_trace_settings(tracer_, "", {{"trace_file", {"/etc/passwd"}}}), "--trace-file");
  expect_refused(change_trace_settings(tracer_, "", {{"trace_mode", {"opentelemetry"}}}), "\"triton\"");
  expect_refused(change_trace_settings(tracer_, "", {{"colour", {"red"}}}),
                 "there is no trace setting \"colour\"");
  expect_refused(change_trace_settings(tracer_, "", {{"colour", {}}}),
                 "there is no trace setting \"colour\"");
}

TEST(TraceSettings, WithoutAFileNothingCanBeTraced) {
  observe::Registry registry;
  record::Tracer tracer(registry);
  expect_refused(change_trace_settings(tracer, "", {{"trace_level", {"TIMESTAMPS"}}}), "--trace-file");
  EXPECT_TRUE(change_trace_settings(tracer, "", {{"trace_level", {"OFF"}}}));
}

}  // namespace
}  // namespace saccade::serve
