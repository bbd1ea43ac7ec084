// config.pbtxt as cases: every file in configs/ says in comments at its head what must come of it.
//   # gives: LINE      a line of describe() below, one of those that the result must have
//   # warning: TEXT    the warnings, all of them, in order; FILE stands for the file's name
//   # error: TEXT      the file is refused with just this message
#include "model/config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/text_file.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

const std::filesystem::path kCases =
    std::filesystem::path(SACCADE_SOURCE_DIRECTORY) / "test" / "unit" / "model" / "configs";

std::string describe_port(std::string_view kind, const PortConfig& port) {
  std::string text = std::string(kind) + " " + port.name + " " +
                     (port.type ? std::string(tensor::data_type_name(*port.type)) : "?") + " " +
                     (port.dims ? port.dims->text() : "?");
  if (port.reshape) text += " reshape " + port.reshape->text();
  if (!port.label_filename.empty()) text += " labels " + port.label_filename;
  if (port.optional) text += " optional";
  return text;
}

std::string describe_queue(const schedule::QueuePolicy& queue) {
  std::string text;
  if (queue.max_size > 0) text += " queue " + std::to_string(queue.max_size);
  if (queue.default_timeout.count() > 0) text += " timeout " + std::to_string(queue.default_timeout.count());
  if (queue.timeout_action == schedule::QueuePolicy::TimeoutAction::kDelay) text += " delays";
  if (queue.allow_timeout_override) text += " overridable";
  return text;
}

std::string describe_queueing(const DynamicBatching& batching) {
  std::string text =
      batching.max_queue_delay ? std::to_string(batching.max_queue_delay->count()) : "not said";
  if (batching.preserve_ordering) text += " ordered";
  if (batching.priority_levels > 0) {
    text += " levels " + std::to_string(batching.priority_levels) + " usual " +
            std::to_string(batching.default_priority);
  }
  text += describe_queue(batching.queue);
  for (const auto& [level, queue] : batching.level_queues) {
    text += " level " + std::to_string(level) + describe_queue(queue);
  }
  return text;
}

std::vector<std::string> describe(const ModelConfig& config) {
  std::vector<std::string> lines;
  const auto say = [&](std::string line) { lines.push_back(std::move(line)); };
  say("name " + config.name);
  say("max_batch_size " + (config.max_batch_size ? std::to_string(*config.max_batch_size) : "not said"));
  for (const auto& input : config.inputs) say(describe_port("input", input));
  for (const auto& output : config.outputs) say(describe_port("output", output));
  if (config.inputs.empty()) say("no inputs");
  if (config.outputs.empty()) say("no outputs");
  say("file " + config.default_model_filename);
  if (config.dynamic_batching) {
    std::string sizes = "batching";
    for (const auto size : config.dynamic_batching->preferred_batch_sizes)
      sizes.append(" ").append(std::to_string(size));
    say(sizes + " delay " + describe_queueing(*config.dynamic_batching));
  } else {
    say("no batching");
  }
  say("instances " + std::to_string(config.instance_count));
  std::string versions = "versions";
  switch (config.version_policy.kind) {
    case VersionPolicy::Kind::kAll:
      versions += " all";
      break;
    case VersionPolicy::Kind::kLatest:
      versions += " latest " + std::to_string(config.version_policy.latest);
      break;
    case VersionPolicy::Kind::kSpecific:
      for (const auto version : config.version_policy.versions)
        versions.append(" ").append(std::to_string(version));
  }
  say(versions);
  for (const auto& [key, value] : config.parameters)
    say(std::string("parameter ").append(key).append(" ").append(value));
  return lines;
}

struct Expected {
  std::vector<std::string> gives;
  std::vector<std::string> warnings;
  std::vector<std::string> errors;
};

Expected read_expected(const std::string& text) {
  Expected expected;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.starts_with('#');) {
    const auto take = [&](std::string_view mark, std::vector<std::string>& into) {
      if (line.starts_with(mark)) into.push_back(line.substr(mark.size()));
    };
    take("# gives: ", expected.gives);
    take("# warning: ", expected.warnings);
    take("# error: ", expected.errors);
  }
  return expected;
}

class ConfigCase : public testing::TestWithParam<std::string> {};

TEST_P(ConfigCase, GivesWhatItsHeadSays) {
  const auto text = read_text_file(kCases / GetParam(), 1 << 20);
  ASSERT_TRUE(text) << text.error().message;
  const Expected expected = read_expected(*text);
  ASSERT_FALSE(expected.gives.empty() && expected.errors.empty()) << "the case says nothing";

  const auto file = parse_config(*text, "FILE");
  if (!expected.errors.empty()) {
    ASSERT_FALSE(file) << "expected: " << expected.errors.front();
    EXPECT_EQ(file.error().message, expected.errors.front());
    EXPECT_EQ(file.error().code, base::Code::kInvalidArgument);
    return;
  }
  ASSERT_TRUE(file) << file.error().message;
  const auto lines = describe(file->config);
  for (const std::string& line : expected.gives) {
    EXPECT_NE(std::ranges::find(lines, line), lines.end()) << "missing: " << line << "\nin:\n"
                                                           << testing::PrintToString(lines);
  }
  EXPECT_EQ(file->warnings, expected.warnings);
  ASSERT_NE(file->config.message, nullptr);
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kCases)) {
    if (entry.path().extension() == ".pbtxt") names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Configs, ConfigCase, testing::ValuesIn(case_names()),
                         [](const auto& of) { return of.param.substr(0, of.param.find('.')); });

// What a case file can't show.

std::string error_of(std::string_view text) {
  const auto file = parse_config(text, "FILE");
  return file ? "no error" : file.error().message;
}

TEST(Config, EmptyTextSaysNothing) {
  const auto file = parse_config("", "FILE");
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->config.max_batch_size);
  EXPECT_TRUE(file->config.inputs.empty());
  EXPECT_EQ(file->config.default_model_filename, "model.onnx");
  EXPECT_TRUE(file->warnings.empty());
}

TEST(Config, TakesByteOrderMarkAndCarriageReturns) {
  const auto file = parse_config("\xEF\xBB\xBFname: \"digits\"\r\nmax_batch_size: 4\r\n", "FILE");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->config.name, "digits");
  EXPECT_EQ(file->config.max_batch_size, 4);
}

TEST(Config, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(error_of("max_batch_size: 4\n# caf\xE9\n"), "FILE:2: not UTF-8 text; save the file in UTF-8");
  EXPECT_EQ(error_of("input { name: \"a\\377\" }"), "FILE: name \"a\\xff\" is not UTF-8");
}

TEST(Config, RefusesWhatIsNestedWithoutEnd) {
  std::string known = "optimization {";
  std::string unknown;
  std::string list = "nothing: ";
  for (int i = 0; i < 100'000; ++i) {
    unknown += "a {";
    list += "[";
  }
  EXPECT_NE(error_of(known + unknown), "no error");
  EXPECT_NE(error_of(unknown), "no error");
  EXPECT_NE(error_of(list), "no error");
}

TEST(Config, RefusesWhatIsTooLarge) {
  EXPECT_EQ(error_of(std::string((1 << 20) + 1, ' ')), "FILE: larger than 1048576 bytes");
}

TEST(Config, KeepsTheMessage) {
  const auto file = parse_config("model_warmup { name: \"zeros\" batch_size: 1 }", "FILE");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->config.message->model_warmup(0).name(), "zeros");
}

TEST(Config, ChecksPreferredSizesOnceTheLimitIsKnown) {
  const auto file = parse_config("dynamic_batching { preferred_batch_size: [4, 8] }", "FILE");
  ASSERT_TRUE(file);
  EXPECT_TRUE(check_preferred_batch_sizes(file->config, 8, "FILE"));
  const auto status = check_preferred_batch_sizes(file->config, 6, "FILE");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "FILE: preferred_batch_size 8 is above max_batch_size, 6");
}

TEST(Config, ReadsFiles) {
  EXPECT_TRUE(read_config(kCases / "good_full.pbtxt"));
  const auto missing = read_config(kCases / "nothing.pbtxt");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::Code::kNotFound);
  const auto directory = read_config(kCases);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace saccade::model
