// What can be set while the server runs, in the words of the protocol's logging and trace extensions, the
// same for REST and gRPC. A change is made as a whole or not at all.
//
// Safe from any thread. Errors (kInvalidArgument) name the setting and what it may be.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "record/tracer.h"

namespace saccade::serve {

// log_info, log_warning, log_error: bool; log_verbose_level: number; log_format ("ISO8601", "default"),
// log_file: text. The file is the process's stderr and can't be changed.
using LogSetting = std::variant<bool, std::uint64_t, std::string>;
std::map<std::string, LogSetting> log_settings();
base::Status change_log_settings(const std::map<std::string, LogSetting>& changes);

// trace_level ("OFF", "TIMESTAMPS"), trace_rate, trace_count, log_frequency, trace_file, trace_mode, each as
// a list of texts; in a change an empty list takes a setting back. Empty model: what applies to all models
// without settings of their own. Whether there is such a model is for the caller to see.
using TraceSettingValues = std::map<std::string, std::vector<std::string>>;
TraceSettingValues trace_settings(const record::Tracer& tracer, std::string_view model);
base::Status change_trace_settings(record::Tracer& tracer, std::string_view model,
                                   const TraceSettingValues& changes);

}  // namespace saccade::serve
