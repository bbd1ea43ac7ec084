// Shared memory as strings by name.
#pragma once

#include <cstring>
#include <map>
#include <string>

#include "request/shared_regions.h"

namespace saccade::protocol {

class FakeRegions final : public request::SharedRegions {
 public:
  base::Status read(const request::RegionSlice& slice, std::span<std::byte> into) const override {
    const auto found = memory.find(slice.region);
    if (found == memory.end() || !inside(slice, found->second) || into.size() != slice.byte_size) {
      return refused(slice);
    }
    if (!into.empty()) std::memcpy(into.data(), found->second.data() + slice.offset, into.size());
    return {};
  }
  base::Status write(const request::RegionSlice& slice, std::span<const std::byte> from) const override {
    const auto found = memory.find(slice.region);
    if (found == memory.end() || !inside(slice, found->second)) return refused(slice);
    if (!from.empty()) std::memcpy(found->second.data() + slice.offset, from.data(), from.size());
    return {};
  }

  mutable std::map<std::string, std::string> memory;

 private:
  static bool inside(const request::RegionSlice& slice, const std::string& bytes) {
    return slice.offset <= bytes.size() && slice.byte_size <= bytes.size() - slice.offset;
  }
  static base::Status refused(const request::RegionSlice& slice) {
    return base::invalid_argument("region \"" + slice.region + "\" has no such slice");
  }
};

}  // namespace saccade::protocol
