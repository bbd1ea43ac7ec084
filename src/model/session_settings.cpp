#include "model/session_settings.h"

#include <charconv>

#include "model/text_file.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

constexpr int kMostThreads = 1024;

std::string where(const ModelSource& source) {
  return "model \"" + source.name + "\" version " + source.version + ": ";
}

base::Status take_number(const ModelSource& source, const std::string& name, const std::string& text,
                         int most, int& into) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (failure == std::errc{} && end == text.data() + text.size() && into >= 0 && into <= most) return {};
  return base::invalid_argument(where(source) + "parameter " + name + " is " + in_quotes(text) +
                                "; it must be a whole number from 0 to " + std::to_string(most));
}

base::Status take_level(const ModelSource& source, int level, engine::SessionOptions& options) {
  switch (level) {
    case 0:
      return {};
    case -1:
      options.optimization = engine::GraphOptimization::kBasic;
      return {};
    case 1:
      options.optimization = engine::GraphOptimization::kExtended;
      return {};
    case 2:
      options.optimization = engine::GraphOptimization::kNone;
      return {};
    default:
      return base::invalid_argument(where(source) + "optimization.graph.level is " + std::to_string(level) +
                                    "; it may be -1 (basic), 1 (extended), 2 (none), or left out for all");
  }
}

}  // namespace

base::Result<SessionSettings> session_settings(const ModelSource& source) {
  SessionSettings settings;
  std::string idle;
  for (const auto& [name, text] : source.config.parameters) {
    base::Status taken;
    int parallel = 0;
    if (name == "intra_op_thread_count") {
      taken = take_number(source, name, text, kMostThreads, settings.options.threads);
    } else if (name == "inter_op_thread_count") {
      taken = take_number(source, name, text, kMostThreads, settings.options.threads_between);
    } else if (name == "execution_mode") {
      taken = take_number(source, name, text, 1, parallel);
      settings.options.parallel = parallel == 1;
    } else {
      idle += (idle.empty() ? "" : ", ") + in_quotes(name);
    }
    if (!taken) return std::unexpected(std::move(taken.error()));
  }
  if (!idle.empty()) settings.warnings.push_back(where(source) + "parameters without effect: " + idle);
  if (source.config.message != nullptr && source.config.message->optimization().has_graph()) {
    const int level = source.config.message->optimization().graph().level();
    if (base::Status taken = take_level(source, level, settings.options); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  return settings;
}

}  // namespace saccade::model
