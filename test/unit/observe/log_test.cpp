#include "observe/log.h"

#include <sstream>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

namespace saccade::observe {
namespace {

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(set_up_log("info"));
    auto logger =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
  }
  void TearDown() override { set_up_log("info"); }
  std::string logged() {
    text_.str("");
    log_debug("a debug {}", 1);
    log_info("an info {}", 2);
    log_warning("a warning {}", 3);
    log_error("an error {}", 4);
    return text_.str();
  }
  static bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

  std::ostringstream text_;
};

TEST_F(LogTest, EachKindOfLineByItself) {
  set_log_settings({.debug = true, .info = false, .warning = true, .error = false});
  const std::string text = logged();
  EXPECT_TRUE(has(text, "debug a debug 1\n"));
  EXPECT_FALSE(has(text, "an info"));
  EXPECT_TRUE(has(text, "warning a warning 3\n"));
  EXPECT_FALSE(has(text, "an error"));
}

TEST_F(LogTest, Forms) {
  set_log_settings({.format = LogFormat::kIso8601});
  const std::string iso = logged();
  EXPECT_TRUE(iso.starts_with("20")) << iso;
  EXPECT_TRUE(has(iso, "T"));
  set_log_settings({.format = LogFormat::kTriton});
  const std::string triton = logged();
  EXPECT_EQ(triton.front(), 'I') << triton;
  EXPECT_TRUE(has(triton, "] an info 2\n"));
  EXPECT_TRUE(has(triton, "\nW"));
  EXPECT_TRUE(has(triton, "\nE"));
}

TEST(LogLevels, AreLeasts) {
  EXPECT_FALSE(set_up_log("loud"));
  ASSERT_TRUE(set_up_log("error"));
  EXPECT_FALSE(log_settings().info || log_settings().warning || log_settings().debug);
  EXPECT_TRUE(log_settings().error);
  ASSERT_TRUE(set_up_log("debug"));
  EXPECT_TRUE(log_settings().info && log_settings().debug);
  ASSERT_TRUE(set_up_log("info"));
  EXPECT_FALSE(log_settings().debug);
}

}  // namespace
}  // namespace saccade::observe
