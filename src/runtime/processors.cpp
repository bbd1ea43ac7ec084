#include "runtime/processors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sched.h>
#include <string>
#include <string_view>

namespace saccade::runtime {
namespace {

double quota() {
  std::ifstream unified("/sys/fs/cgroup/cpu.max");
  std::string limit;
  double period = 0;
  if (unified >> limit >> period && limit != "max" && period > 0) return std::stod(limit) / period;
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double allowed = 0;
  if (quota_file >> allowed && period_file >> period && allowed > 0 && period > 0) return allowed / period;
  return 0;
}

}  // namespace

std::size_t usable_processors() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::size_t count = 1;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) count = static_cast<std::size_t>(CPU_COUNT(&mask));
  const double granted = quota();
  if (granted > 0) count = std::min(count, static_cast<std::size_t>(std::ceil(granted)));
  return std::max<std::size_t>(count, 1);
}

std::string processor_kind() {
  constexpr std::array<std::string_view, 12> kTelling{
      "vendor_id",       "cpu family",       "model",       "model name", "stepping", "cache size", "flags",
      "CPU implementer", "CPU architecture", "CPU variant", "CPU part",   "Features"};
  std::ifstream in("/proc/cpuinfo");
  std::string kind;
  // The first processor's lines; the others of a machine are like it.
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const std::size_t colon = line.find(':');
    const std::size_t last = line.find_last_not_of(" \t", colon == 0 || colon == line.npos ? 0 : colon - 1);
    if (colon == std::string::npos || last == std::string::npos) continue;
    if (std::ranges::find(kTelling, std::string_view(line).substr(0, last + 1)) == kTelling.end()) continue;
    kind += (kind.empty() ? "" : ";") + line.substr(colon + 1);
  }
  return kind;
}

}  // namespace saccade::runtime
