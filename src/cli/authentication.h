// How callers say who they are, of the flags.
#pragma once

#include <cstddef>
#include <memory>

#include "access/gate.h"
#include "base/error.h"
#include "cli/options.h"
#include "observe/metrics.h"

namespace saccade::cli {

// Null: nobody is asked.
base::Result<std::unique_ptr<access::Gate>> open_gate(const ServeOptions& options, std::size_t loops,
                                                      observe::Registry& registry);

}  // namespace saccade::cli
