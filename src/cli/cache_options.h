// The flags about the response cache, as the rest of the house takes them.
#pragma once

#include "base/error.h"
#include "cache/settings.h"
#include "cli/options.h"

namespace saccade::cli {

// Errors (kInvalidArgument) name the flag.
base::Result<cache::Settings> cache_settings(const ServeOptions& options);
cache::Selection cache_selection(const ServeOptions& options);

}  // namespace saccade::cli
