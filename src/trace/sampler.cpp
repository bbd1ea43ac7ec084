#include "trace/sampler.h"

#include <cmath>
#include <string_view>

namespace saccade::trace {
namespace {
constexpr std::uint64_t kAll = std::uint64_t{1} << 63U;
}  // namespace

base::Result<Sampler> Sampler::make(const std::string& name, double ratio) {
  static constexpr std::string_view kParent = "parentbased_";
  std::string_view kind = name;
  Sampler sampler;
  sampler.parent_based_ = kind.starts_with(kParent);
  if (sampler.parent_based_) kind.remove_prefix(kParent.size());
  if (kind == "always_on") {
    sampler.bound_ = kAll;
  } else if (kind == "traceidratio") {
    if (!(ratio >= 0 && ratio <= 1)) {
      return base::invalid_argument("the share of traces that are sampled is " + std::to_string(ratio) +
                                    "; it is between 0 and 1");
    }
    sampler.bound_ = static_cast<std::uint64_t>(std::ldexp(ratio, 63));
  } else if (kind != "always_off") {
    return base::invalid_argument(
        "there is no sampler \"" + name +
        "\"; there are always_on, always_off and traceidratio, each also with parentbased_ before it");
  }
  return sampler;
}

// By the id alone, so that every service of a trace decides the same.
bool Sampler::below(const request::TraceId& id) const {
  std::uint64_t low = 0;
  for (std::size_t i = 8; i < 16; ++i) low = low << 8U | id[i];
  return low >> 1U < bound_;
}

}  // namespace saccade::trace
