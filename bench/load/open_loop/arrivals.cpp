#include "arrivals.h"

#include <charconv>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string>

namespace open_loop {
namespace {

double number(std::string_view text, std::string_view whole) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value <= 0) {
    throw std::invalid_argument("--schedule: '" + std::string(whole) +
                                "' is no MULTIPLE:SECONDSs, like 2:20s, both above 0");
  }
  return value;
}

}  // namespace

std::vector<Phase> parse_schedule(std::string_view text, double rate) {
  std::vector<Phase> phases;
  while (!text.empty()) {
    const std::string_view step = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), step.size() + 1));
    const std::size_t colon = step.find(':');
    std::string_view seconds = colon == std::string_view::npos ? "" : step.substr(colon + 1);
    if (seconds.ends_with('s')) seconds.remove_suffix(1);
    phases.push_back({number(step.substr(0, colon), step) * rate, number(seconds, step)});
  }
  return phases;
}

Arrivals make_arrivals(const std::vector<Phase>& phases, bool poisson, std::uint64_t seed) {
  Arrivals arrivals;
  std::mt19937_64 random(seed);
  double begin = 0;
  for (const Phase& phase : phases) {
    arrivals.phase_of.push_back(arrivals.due_ns.size());
    std::exponential_distribution<double> gap(phase.rate);
    double at = 0;
    for (std::uint64_t i = 0;; ++i) {
      at = poisson ? at + gap(random) : static_cast<double>(i) / phase.rate;
      if (at >= phase.seconds) break;
      arrivals.due_ns.push_back(static_cast<std::int64_t>((begin + at) * 1e9));
    }
    begin += phase.seconds;
  }
  arrivals.phase_of.push_back(arrivals.due_ns.size());
  return arrivals;
}

}  // namespace open_loop
