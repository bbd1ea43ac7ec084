#include "observe/log.h"
#include "serve/settings.h"

namespace saccade::serve {
namespace {

base::Status take(const std::string& name, const LogSetting& value, bool& into) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return base::invalid_argument("\"" + name + "\" must be true or false");
  into = *flag;
  return {};
}

base::Status take_verbose(const LogSetting& value, bool& into) {
  const auto* level = std::get_if<std::uint64_t>(&value);
  if (level == nullptr) {
    return base::invalid_argument("\"log_verbose_level\" must be a whole number, 0 for none or above");
  }
  into = *level > 0;
  return {};
}

base::Status take_format(const LogSetting& value, observe::LogFormat& into) {
  const auto* format = std::get_if<std::string>(&value);
  if (format != nullptr && *format == "ISO8601") {
    into = observe::LogFormat::kIso8601;
  } else if (format != nullptr && *format == "default") {
    into = observe::LogFormat::kTriton;
  } else {
    return base::invalid_argument("\"log_format\" must be \"ISO8601\" or \"default\"");
  }
  return {};
}

base::Status keep_file(const LogSetting& value) {
  const auto* file = std::get_if<std::string>(&value);
  if (file != nullptr && file->empty()) return {};  // what it is already
  return base::invalid_argument(
      "\"log_file\" can't be changed over the network: the log goes to the server's stderr");
}

base::Status apply(const std::string& name, const LogSetting& value, observe::LogSettings& settings) {
  if (name == "log_info") return take(name, value, settings.info);
  if (name == "log_warning") return take(name, value, settings.warning);
  if (name == "log_error") return take(name, value, settings.error);
  if (name == "log_verbose_level") return take_verbose(value, settings.debug);
  if (name == "log_format") return take_format(value, settings.format);
  if (name == "log_file") return keep_file(value);
  return base::invalid_argument("there is no log setting \"" + name.substr(0, 100) +
                                "\", only log_info, log_warning, log_error, log_verbose_level, log_format, "
                                "log_file");
}

}  // namespace

std::map<std::string, LogSetting> log_settings() {
  const observe::LogSettings settings = observe::log_settings();
  return {
      {"log_file", std::string()},
      {"log_info", settings.info},
      {"log_warning", settings.warning},
      {"log_error", settings.error},
      {"log_verbose_level", std::uint64_t{settings.debug ? 1U : 0U}},
      {"log_format", std::string(settings.format == observe::LogFormat::kTriton ? "default" : "ISO8601")}};
}

base::Status change_log_settings(const std::map<std::string, LogSetting>& changes) {
  observe::LogSettings settings = observe::log_settings();
  for (const auto& [name, value] : changes) {
    if (base::Status applied = apply(name, value, settings); !applied) return applied;
  }
  observe::set_log_settings(settings);
  return {};
}

}  // namespace saccade::serve
