// The server's own log: one line an event on stderr.
//
//   observe::log_warning("model {}: {}", name, reason);
//
// Safe from any thread; what is shown and in which form may change while the server runs. Nothing on the
// request path logs more than rarely: repeated trouble is counted in a metric and said once in a while.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

namespace saccade::observe {

enum class LogFormat : std::uint8_t {
  kIso8601,  // 2026-11-24T10:00:00.123+00:00 info message
  kTriton,   // I1124 10:00:00.123456 4711] message
};

// Each kind of line by itself, as the protocol's logging extension has it.
struct LogSettings {
  bool debug = false;
  bool info = true;
  bool warning = true;
  bool error = true;
  LogFormat format = LogFormat::kIso8601;
};

// Sets the least level shown: "debug", "info", "warning", "error". False: no such level.
bool set_up_log(std::string_view level);
LogSettings log_settings();
void set_log_settings(const LogSettings& settings);

namespace internal {
bool shows(spdlog::level::level_enum level);

template <typename... Arguments>
void log(spdlog::level::level_enum level, spdlog::format_string_t<Arguments...> format,
         Arguments&&... arguments) {
  if (shows(level)) spdlog::log(level, format, std::forward<Arguments>(arguments)...);
}
}  // namespace internal

template <typename... Arguments>
void log_debug(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  internal::log(spdlog::level::debug, format, std::forward<Arguments>(arguments)...);
}
template <typename... Arguments>
void log_info(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  internal::log(spdlog::level::info, format, std::forward<Arguments>(arguments)...);
}
template <typename... Arguments>
void log_warning(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  internal::log(spdlog::level::warn, format, std::forward<Arguments>(arguments)...);
}
template <typename... Arguments>
void log_error(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  internal::log(spdlog::level::err, format, std::forward<Arguments>(arguments)...);
}

}  // namespace saccade::observe
