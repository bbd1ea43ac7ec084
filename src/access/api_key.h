// New API keys.
#pragma once

#include <string>

#include "base/error.h"

namespace saccade::access {

// "scd_" and 32 random bytes in base64url. The beginning is there for whoever looks for keys in places where
// they should not be.
base::Result<std::string> make_api_key();

}  // namespace saccade::access
