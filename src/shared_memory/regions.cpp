#include "shared_memory/regions.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace saccade::shared_memory {
namespace {

using base::Code;

// Each region holds a descriptor open.
constexpr std::size_t kMaxRegions = 1024;
constexpr std::size_t kMaxName = 255;

// What came from outside, short and on one line, for messages.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 100)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out + (text.size() > 100 ? "…'" : "'");
}

std::string text_of(int error) {
  return std::error_code(error, std::generic_category()).message();
}

// "/name" of a key that is "/name" or "name".
base::Result<std::string> plain_name(std::string_view key) {
  const std::string_view name = key.starts_with('/') ? key.substr(1) : key;
  if (name.empty() || name.size() > NAME_MAX || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos || name == "." || name == "..") {
    return base::invalid_argument(
        "shared memory key " + in_quotes(key) +
        " is no name of shared memory: \"/name\" or \"name\", 1 to 255 bytes, without "
        "a further slash");
  }
  return "/" + std::string(name);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

base::Result<Descriptor> open_memory(const RegionInfo& region) {
  auto name = plain_name(region.key);
  if (!name) return std::unexpected(std::move(name.error()));
  Descriptor memory(::shm_open(name->c_str(), O_RDWR, 0));
  if (memory.number() >= 0) return memory;
  const Code code = errno == EMFILE || errno == ENFILE ? Code::kUnavailable : Code::kInvalidArgument;
  return base::fail(code,
                    "Unable to open shared memory region: " + in_quotes(region.key) + ": " + text_of(errno));
}

// Bytes that the memory has now; its owner may change that at any time.
base::Result<std::uint64_t> size_of(int memory, std::string_view name) {
  struct stat status{};
  if (::fstat(memory, &status) != 0) {
    return base::fail(Code::kInternal,
                      "shared memory region " + in_quotes(name) + ": size not known: " + text_of(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return base::invalid_argument("shared memory region " + in_quotes(name) +
                                  ": its key names no shared memory");
  }
  return static_cast<std::uint64_t>(status.st_size);
}

bool fits(std::uint64_t offset, std::uint64_t byte_size, std::uint64_t size) {
  return offset <= size && byte_size <= size - offset;
}

base::Status shrunk(std::string_view name) {
  return base::invalid_argument("shared memory region " + in_quotes(name) +
                                " is smaller than it was when it was registered");
}

}  // namespace

struct Regions::Region {
  RegionInfo info;
  Descriptor memory;
};

base::Status Regions::add(const RegionInfo& region) {
  if (region.name.empty() || region.name.size() > kMaxName) {
    return base::invalid_argument("a shared memory region's name has 1 to 255 bytes");
  }
  auto memory = open_memory(region);
  if (!memory) return std::unexpected(std::move(memory.error()));
  const auto size = size_of(memory->number(), region.name);
  if (!size) return std::unexpected(size.error());
  if (region.byte_size == 0 || !fits(region.offset, region.byte_size, *size)) {
    return base::invalid_argument(
        "failed to register shared memory region " + in_quotes(region.name) + ": offset " +
        std::to_string(region.offset) + " with byte_size " + std::to_string(region.byte_size) +
        (region.byte_size == 0 ? " is empty"
                               : " is beyond the " + std::to_string(*size) + " bytes that its key names"));
  }
  auto added = std::make_shared<const Region>(Region{region, *std::move(memory)});
  const std::lock_guard lock(mutex_);
  if (regions_.contains(region.name)) {
    return base::invalid_argument("shared memory region " + in_quotes(region.name) + " already in manager");
  }
  if (regions_.size() >= kMaxRegions) {
    return base::fail(Code::kUnavailable, "there are " + std::to_string(kMaxRegions) +
                                              " shared memory regions already, the most there can be; "
                                              "unregister some");
  }
  regions_.emplace(region.name, std::move(added));
  return {};
}

void Regions::remove(std::string_view name) {
  std::shared_ptr<const Region> ends;  // closed without the lock
  const std::lock_guard lock(mutex_);
  if (const auto found = regions_.find(name); found != regions_.end()) {
    ends = std::move(found->second);
    regions_.erase(found);
  }
}

void Regions::remove_all() {
  decltype(regions_) ends;
  const std::lock_guard lock(mutex_);
  ends.swap(regions_);
}

base::Result<std::vector<RegionInfo>> Regions::list(std::string_view name) const {
  std::vector<RegionInfo> infos;
  const std::lock_guard lock(mutex_);
  if (name.empty()) {
    for (const auto& [key, region] : regions_) infos.push_back(region->info);
    return infos;
  }
  const auto found = regions_.find(name);
  if (found == regions_.end()) {
    return base::fail(Code::kNotFound, "Unable to find system shared memory region: " + in_quotes(name));
  }
  infos.push_back(found->second->info);
  return infos;
}

base::Result<std::shared_ptr<const Regions::Region>> Regions::find(const request::RegionSlice& slice) const {
  std::shared_ptr<const Region> region;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = regions_.find(slice.region); found != regions_.end()) region = found->second;
  }
  if (region == nullptr) {
    return base::fail(Code::kNotFound, "Unable to find shared memory region: " + in_quotes(slice.region));
  }
  if (!fits(slice.offset, slice.byte_size, region->info.byte_size)) {
    return base::invalid_argument(
        "Invalid offset + byte size for shared memory region: " + in_quotes(slice.region) + ": offset " +
        std::to_string(slice.offset) + " with " + std::to_string(slice.byte_size) + " bytes is beyond its " +
        std::to_string(region->info.byte_size) + " bytes");
  }
  return region;
}

base::Status Regions::read(const request::RegionSlice& slice, std::span<std::byte> into) const {
  const auto region = find(slice);
  if (!region) return std::unexpected(region.error());
  if (into.size() > slice.byte_size) {
    return base::invalid_argument(std::to_string(into.size()) + " bytes were to be read out of " +
                                  std::to_string(slice.byte_size) + " of shared memory region " +
                                  in_quotes(slice.region));
  }
  std::uint64_t offset = (*region)->info.offset + slice.offset;  // add() has seen the sum fit
  while (!into.empty()) {
    const auto got =
        ::pread((*region)->memory.number(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return shrunk(slice.region);
    if (got < 0) {
      return base::fail(Code::kInternal,
                        "reading shared memory region " + in_quotes(slice.region) + ": " + text_of(errno));
    }
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

base::Status Regions::write(const request::RegionSlice& slice, std::span<const std::byte> from) const {
  const auto region = find(slice);
  if (!region) return std::unexpected(region.error());
  if (from.size() > slice.byte_size) {
    return base::invalid_argument(std::to_string(from.size()) + " bytes don't fit into the " +
                                  std::to_string(slice.byte_size) + " of shared memory region " +
                                  in_quotes(slice.region) + " that were offered");
  }
  const int memory = (*region)->memory.number();
  std::uint64_t offset = (*region)->info.offset + slice.offset;
  // A write behind the end would make the memory grow again. (Its owner can still shrink it between the two
  // calls; then it grows, and nobody else is hurt.)
  const auto size = size_of(memory, slice.region);
  if (!size) return std::unexpected(size.error());
  if (!fits(offset, from.size(), *size)) return shrunk(slice.region);
  while (!from.empty()) {
    const auto put = ::pwrite(memory, from.data(), from.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      return base::fail(Code::kInternal,
                        "writing shared memory region " + in_quotes(slice.region) + ": " + text_of(errno));
    }
    from = from.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

}  // namespace saccade::shared_memory
