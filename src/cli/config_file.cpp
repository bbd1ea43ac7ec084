#include "cli/config_file.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include <CLI/CLI.hpp>

#include "cli/nearest.h"

namespace saccade::cli {

std::string environment_name(const std::string& flag) {
  std::string name = "SACCADE_";
  for (const char c : std::string_view(flag).substr(2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string config_file_of(int argc, char** argv) {
  constexpr std::string_view kFlag = "--config";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == kFlag && i + 1 < argc) return argv[i + 1];
    if (word.starts_with(kFlag) && word.substr(kFlag.size()).starts_with('=')) {
      return std::string(word.substr(kFlag.size() + 1));
    }
  }
  const char* named = std::getenv("SACCADE_CONFIG");
  return named == nullptr ? "" : named;
}

base::Status apply_config_file(const std::string& path, const std::vector<std::string>& flags) {
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_file(path);
  } catch (const CLI::Error& error) {
    return base::invalid_argument("--config " + path + ": " + error.what());
  }
  for (const CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue;  // a section's begin and end
    const std::string flag = "--" + item.name;
    if (!item.parents.empty() || std::ranges::find(flags, flag) == flags.end() || flag == "--config") {
      std::string message = path + ": there is no setting \"" + item.fullname() + "\"";
      if (const std::string meant = nearest(flag, flags); !meant.empty()) {
        message += "; did you mean " + meant.substr(2) + "?";
      }
      return base::invalid_argument(message);
    }
    std::string value;
    for (const std::string& input : item.inputs) value += (value.empty() ? "" : ",") + input;
    setenv(environment_name(flag).c_str(), value.c_str(), 0);
  }
  return {};
}

}  // namespace saccade::cli
