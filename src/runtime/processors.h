// How many processors this process may really use.
#pragma once

#include <cstddef>

namespace saccade::runtime {

// The least of what the machine has, the affinity mask allows and the control group's quota (v2 `cpu.max`, v1
// `cpu.cfs_quota_us`) grants, rounded up; at least 1.
std::size_t usable_processors();

}  // namespace saccade::runtime
