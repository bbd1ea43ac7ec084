// Who was recognised, and what it may do.
#pragma once

#include <memory>

#include "access/right.h"
#include "request/caller.h"

namespace saccade::access {

struct Identity : request::Identity {
  Rights rights;
  bool shares_cache = true;  // false: cached answers of others are not for it, nor its own for others
};
using IdentityPointer = std::shared_ptr<const Identity>;

}  // namespace saccade::access
