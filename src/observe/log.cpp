#include "observe/log.h"

#include <memory>
#include <mutex>

#include <spdlog/sinks/stdout_sinks.h>

namespace saccade::observe {
namespace {

// One bit for each of spdlog's levels that is shown.
std::atomic<unsigned> shown{1U << spdlog::level::info | 1U << spdlog::level::warn | 1U << spdlog::level::err};
std::mutex settings_mutex;
LogSettings settings;  // guarded by settings_mutex

unsigned bit(bool on, spdlog::level::level_enum level) {
  return on ? 1U << level : 0;
}

const char* pattern_of(LogFormat format) {
  return format == LogFormat::kTriton ? "%L%m%d %H:%M:%S.%f %P] %v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v";
}

}  // namespace

bool internal::shows(spdlog::level::level_enum level) {
  return (shown.load(std::memory_order_relaxed) & 1U << level) != 0;
}

bool set_up_log(std::string_view level) {
  LogSettings least;
  if (level == "debug") {
    least.debug = true;
  } else if (level == "warning") {
    least.info = false;
  } else if (level == "error") {
    least.info = least.warning = false;
  } else if (level != "info") {
    return false;
  }
  auto logger =
      std::make_shared<spdlog::logger>("saccade", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::debug);  // what is shown is decided here, not there
  spdlog::set_default_logger(std::move(logger));
  set_log_settings(least);
  return true;
}

LogSettings log_settings() {
  const std::lock_guard lock(settings_mutex);
  return settings;
}

void set_log_settings(const LogSettings& wanted) {
  const std::lock_guard lock(settings_mutex);
  settings = wanted;
  shown = bit(wanted.debug, spdlog::level::debug) | bit(wanted.info, spdlog::level::info) |
          bit(wanted.warning, spdlog::level::warn) | bit(wanted.error, spdlog::level::err);
  spdlog::default_logger()->set_pattern(pattern_of(wanted.format));
}

}  // namespace saccade::observe
