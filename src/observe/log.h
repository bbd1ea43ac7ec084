// The server's own log: one line an event on stderr, "TIME LEVEL message".
//
//   observe::log_warning("model {}: {}", name, reason);
//
// Safe from any thread. Nothing on the request path logs more than rarely: repeated trouble is counted in a
// metric and said once in a while.
#pragma once

#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

namespace saccade::observe {

// Sets the form of the lines and the least level shown: "debug", "info", "warning", "error". False: no such
// level.
bool set_up_log(std::string_view level);

template <typename... Arguments>
void log_debug(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  spdlog::debug(format, std::forward<Arguments>(arguments)...);
}
template <typename... Arguments>
void log_info(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  spdlog::info(format, std::forward<Arguments>(arguments)...);
}
template <typename... Arguments>
void log_warning(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  spdlog::warn(format, std::forward<Arguments>(arguments)...);
}
template <typename... Arguments>
void log_error(spdlog::format_string_t<Arguments...> format, Arguments&&... arguments) {
  spdlog::error(format, std::forward<Arguments>(arguments)...);
}

}  // namespace saccade::observe
