// The shared-memory regions that clients have registered, by name: POSIX shared memory (shm_open) of this
// machine.
//
// Reads and writes go through the kernel (pread, pwrite) and not through a mapping: a region that its owner
// has shrunk since is an error here, where a mapping would end the process.
//
// Safe from any thread. A region that is removed while a request uses it stays open until that is done.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "request/shared_regions.h"

namespace saccade::shared_memory {

struct RegionInfo {
  std::string name;
  std::string key;  // of shm_open: "/input"
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

class Regions final : public request::SharedRegions {
 public:
  // Errors: kInvalidArgument for a key that is no plain name or that does not exist, a size beyond the
  // memory's end, a name that is taken.
  base::Status add(const RegionInfo& region);
  // Removing what is not there is no error.
  void remove(std::string_view name);
  void remove_all();
  // Empty name: all, by name. Errors: kNotFound.
  base::Result<std::vector<RegionInfo>> list(std::string_view name) const;

  base::Status read(const request::RegionSlice& slice, std::span<std::byte> into) const override;
  base::Status write(const request::RegionSlice& slice, std::span<const std::byte> from) const override;

 private:
  struct Region;
  base::Result<std::shared_ptr<const Region>> find(const request::RegionSlice& slice) const;

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Region>, std::less<>> regions_;  // guarded by mutex_
};

}  // namespace saccade::shared_memory
