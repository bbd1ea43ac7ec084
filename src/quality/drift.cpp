#include "quality/drift.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace saccade::quality {
namespace {

constexpr std::size_t kMostKept = 32'768;  // values of a reference

}  // namespace

double stability_index(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> now) {
  const auto total = [](std::span<const std::uint64_t> counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})) +
           0.5 * static_cast<double>(counts.size());
  };
  const double all_reference = total(reference);
  const double all_now = total(now);
  double index = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double p = (static_cast<double>(reference[i]) + 0.5) / all_reference;
    const double q = (static_cast<double>(now[i]) + 0.5) / all_now;
    index += (q - p) * std::log(q / p);
  }
  return index;
}

void SlidingCounts::end_sample() {
  if (++ended_ % piece_ != 0) return;
  current_ = (current_ + 1) % kPieces;
  std::ranges::fill(pieces_[current_], 0);
}

std::vector<std::uint64_t> SlidingCounts::sum() const {
  std::vector<std::uint64_t> sum(bins_);
  for (const auto& piece : pieces_) {
    for (std::size_t i = 0; i < bins_; ++i) sum[i] += piece[i];
  }
  return sum;
}

// ---- values

void ValueDrift::add_sample(std::span<const float> values) {
  ++samples_;
  const double memory = static_cast<double>(sizes_.recent * std::max<std::size_t>(values.size(), 1));
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    count_ = std::min(count_ + 1, memory);
    const double away = static_cast<double>(value) - mean_;
    mean_ += away / count_;
    squares_ += (away * (static_cast<double>(value) - mean_) - squares_) / count_;
  }
  if (recent_) {
    for (const float value : values) recent_->count(bin_of(value));
    recent_->end_sample();
    return;
  }
  if (kept_.size() + values.size() <= kMostKept) kept_.insert(kept_.end(), values.begin(), values.end());
  if (samples_ >= sizes_.reference) cut();
}

double ValueDrift::deviation() const {
  return std::sqrt(std::max(squares_, 0.0));
}

// Values that fill several bins alone (the black of a picture) fill one. What is not a number has its own at
// the end.
void ValueDrift::cut() {
  std::erase_if(kept_, [](float value) { return std::isnan(value); });
  std::ranges::sort(kept_);
  for (std::size_t i = 1; i < kBins && !kept_.empty(); ++i) {
    const float edge = kept_[i * (kept_.size() - 1) / kBins];
    if (edges_.empty() || edge > edges_.back()) edges_.push_back(edge);
  }
  reference_.assign(edges_.size() + 2, 0);
  for (const float value : kept_) ++reference_[bin_of(value)];
  kept_ = {};
  recent_.emplace(reference_.size(), std::max<std::size_t>(sizes_.recent / SlidingCounts::kPieces, 1));
}

std::size_t ValueDrift::bin_of(float value) const {
  if (std::isnan(value)) return edges_.size() + 1;
  return static_cast<std::size_t>(std::ranges::lower_bound(edges_, value) - edges_.begin());
}

std::optional<double> ValueDrift::drift() const {
  if (!recent_ || recent_->empty()) return std::nullopt;
  return stability_index(reference_, recent_->sum());
}

// ---- classes

ClassDrift::ClassDrift(std::size_t classes, WindowSizes sizes)
    : sizes_(sizes),
      reference_(std::clamp<std::size_t>(classes, 1, kMostClasses)),
      recent_(reference_.size(), std::max<std::size_t>(sizes.recent / SlidingCounts::kPieces, 1)) {}

void ClassDrift::add(std::size_t predicted) {
  const std::size_t bin = std::min(predicted, reference_.size() - 1);
  if (samples_++ < sizes_.reference) {
    ++reference_[bin];
    return;
  }
  recent_.count(bin);
  recent_.end_sample();
}

std::optional<double> ClassDrift::drift() const {
  if (recent_.empty()) return std::nullopt;
  return stability_index(reference_, recent_.sum());
}

}  // namespace saccade::quality
