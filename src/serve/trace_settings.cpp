#include <charconv>
#include <limits>
#include <optional>

#include "serve/settings.h"

namespace saccade::serve {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

base::Status wrong(const std::string& name, const std::string& wanted, const std::string& got) {
  return base::invalid_argument("\"" + name + "\" must be " + wanted + ", not \"" + got.substr(0, 100) +
                                "\"");
}

template <typename T>
base::Status take_number(const std::string& name, const std::string& text, T least, const std::string& wanted,
                         record::Change<T>& into) {
  const auto number = parse_number<T>(text);
  if (!number || *number < least) return wrong(name, wanted, text);
  into = {record::Change<T>::Kind::kSet, *number};
  return {};
}

base::Status take_level(const std::vector<std::string>& levels, const std::string& file,
                        record::Change<bool>& into) {
  into = {record::Change<bool>::Kind::kSet, false};
  for (const std::string& level : levels) {
    if (level == "TIMESTAMPS") {
      into.value = true;
    } else if (level != "OFF") {
      return wrong("trace_level", "\"OFF\" or \"TIMESTAMPS\"", level);
    }
  }
  if (into.value && file.empty()) {
    return base::invalid_argument(
        "nothing can be traced: the server was started without a file for traces (--trace-file)");
  }
  return {};
}

base::Status take_value(const std::string& name, const std::string& value, const record::Tracer& tracer,
                        record::TraceChange& change) {
  if (name == "trace_rate") {
    return take_number<std::uint64_t>(name, value, 1, "a whole number from 1", change.rate);
  }
  if (name == "trace_count") {
    return take_number<std::int64_t>(name, value, -1, "a whole number, -1 for no limit", change.count);
  }
  if (name == "log_frequency") {
    return take_number<std::uint64_t>(name, value, 0, "a whole number, 0 for one file", change.frequency);
  }
  if (name == "trace_file" && value != tracer.file()) {
    return base::invalid_argument(
        "\"trace_file\" can't be changed over the network, only by the server's --trace-file");
  }
  if (name == "trace_mode" && value != "triton") return wrong(name, "\"triton\"", value);
  return {};
}

base::Status clear(const std::string& name, record::TraceChange& change) {
  if (name == "trace_level") change.timestamps.kind = record::Change<bool>::Kind::kClear;
  if (name == "trace_rate") change.rate.kind = record::Change<std::uint64_t>::Kind::kClear;
  if (name == "trace_count") change.count.kind = record::Change<std::int64_t>::Kind::kClear;
  if (name == "log_frequency") change.frequency.kind = record::Change<std::uint64_t>::Kind::kClear;
  return {};
}

base::Status take(const std::string& name, const std::vector<std::string>& values,
                  const record::Tracer& tracer, record::TraceChange& change) {
  for (const char* known :
       {"trace_level", "trace_rate", "trace_count", "log_frequency", "trace_file", "trace_mode"}) {
    if (name != known) continue;
    if (values.empty()) return clear(name, change);
    if (name == "trace_level") return take_level(values, tracer.file(), change.timestamps);
    if (values.size() > 1) return base::invalid_argument("\"" + name + "\" takes one value");
    return take_value(name, values.front(), tracer, change);
  }
  return base::invalid_argument("there is no trace setting \"" + name.substr(0, 100) +
                                "\", only trace_level, trace_rate, trace_count, log_frequency, trace_file, "
                                "trace_mode");
}

}  // namespace

TraceSettingValues trace_settings(const record::Tracer& tracer, std::string_view model) {
  const record::TraceSettings settings = tracer.sampler().settings(model);
  return {{"trace_level", {settings.timestamps ? "TIMESTAMPS" : "OFF"}},
          {"trace_rate", {std::to_string(settings.rate)}},
          {"trace_count", {std::to_string(settings.count)}},
          {"log_frequency", {std::to_string(settings.frequency)}},
          {"trace_file", {tracer.file()}},
          {"trace_mode", {"triton"}}};
}

base::Status change_trace_settings(record::Tracer& tracer, std::string_view model,
                                   const TraceSettingValues& changes) {
  record::TraceChange change;
  for (const auto& [name, values] : changes) {
    if (base::Status taken = take(name, values, tracer, change); !taken) return taken;
  }
  if (tracer.sampler().change(model, change)) return {};
  return base::fail(base::Code::kUnavailable, "too many models have trace settings of their own already");
}

}  // namespace saccade::serve
