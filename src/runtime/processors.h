// How many processors this process may really use.
#pragma once

#include <cstddef>
#include <string>

namespace saccade::runtime {

// The least of what the machine has, the affinity mask allows and the control group's quota (v2 `cpu.max`, v1
// `cpu.cfs_quota_us`) grants, rounded up; at least 1.
std::size_t usable_processors();

// What kind of processor this is, by all that decides how fast code runs on it and that does not change while
// the machine runs: "AMD EPYC", its family, model, stepping, cache, and the instructions it has. For
// comparing.
std::string processor_kind();

}  // namespace saccade::runtime
