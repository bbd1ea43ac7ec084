#include "runtime/processors.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sched.h>
#include <string>

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

}  // namespace saccade::runtime
