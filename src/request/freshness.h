// What a response cache may do for a request, and what its answer says about its age (RFC 9111).
#pragma once

#include "base/clock.h"

namespace saccade::request {

// As the caller asked for it (Cache-Control of the request).
struct CacheWishes {
  bool look_up = true;                            // no-cache, no-store: an answer that is kept is not wanted
  bool store = true;                              // no-store: nothing of this is to be kept
  bool only_if_cached = false;                    // no run for this one
  base::Duration oldest = base::Duration::max();  // max-age: an older answer is not wanted
};

// Of an answer.
struct Freshness {
  base::Duration lifetime{0};  // from its making on; 0: it is not to be kept by anybody
  base::Duration age{0};       // since it was made; 0: just now
  bool hit = false;            // it was not made for this request

  bool may_be_kept() const { return lifetime.count() > 0; }
};

}  // namespace saccade::request
