// Tensors that lie in shared memory instead of in the request: how the protocols read and write them, without
// knowing how memory is shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace saccade::request {

// Part of a registered region, as a request names it.
struct RegionSlice {
  std::string region;
  std::uint64_t offset = 0;  // from the region's own beginning
  std::uint64_t byte_size = 0;
};

// Safe from any thread. A slice that is not wholly inside its region is an error, whatever the peer has done
// to the memory since.
class SharedRegions {
 public:
  virtual ~SharedRegions() = default;
  // Errors: kNotFound for an unknown region, kInvalidArgument for a slice outside of it.
  virtual base::Status read(const RegionSlice& slice, std::span<std::byte> into) const = 0;
  virtual base::Status write(const RegionSlice& slice, std::span<const std::byte> from) const = 0;
};

}  // namespace saccade::request
