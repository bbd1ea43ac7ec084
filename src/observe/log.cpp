#include "observe/log.h"

#include <memory>

#include <spdlog/sinks/stdout_sinks.h>

namespace saccade::observe {

bool set_up_log(std::string_view level) {
  spdlog::level::level_enum least = spdlog::level::info;
  if (level == "debug") {
    least = spdlog::level::debug;
  } else if (level == "warning") {
    least = spdlog::level::warn;
  } else if (level == "error") {
    least = spdlog::level::err;
  } else if (level != "info") {
    return false;
  }
  auto logger =
      std::make_shared<spdlog::logger>("saccade", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(least);
  spdlog::set_default_logger(std::move(logger));
  return true;
}

}  // namespace saccade::observe
