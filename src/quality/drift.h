// How far what comes now is from what came in a reference window.
//
// The population stability index of two distributions over the same bins is the sum over the bins of
// (q - p) * ln(q / p), p and q being the shares of the reference and of now: Kullback and Leibler's
// divergence taken both ways (S. Kullback, R. A. Leibler, "On Information and Sufficiency", Annals of
// Mathematical Statistics 22, 1951). Custom reads it so: under 0.1 no change, 0.1 to 0.25 some, above it a
// change that matters (N. Siddiqi, "Credit Risk Scorecards", 2006). A half is added to each count, so that an
// empty bin does not make it infinite.
//
// Not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace saccade::quality {

// Of counts over the same bins.
double stability_index(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> now);

// The last samples, in pieces that are forgotten as a whole: counts over bins.
class SlidingCounts {
 public:
  static constexpr std::size_t kPieces = 10;

  // `piece`: samples in one piece.
  SlidingCounts(std::size_t bins, std::size_t piece) : bins_(bins), piece_(piece) {
    pieces_.fill(std::vector<std::uint64_t>(bins));
  }
  // One of the samples' values fell into this bin.
  void count(std::size_t bin) { ++pieces_[current_][bin]; }
  void end_sample();
  std::vector<std::uint64_t> sum() const;
  bool empty() const { return ended_ == 0; }

 private:
  std::size_t bins_;
  std::size_t piece_;
  std::array<std::vector<std::uint64_t>, kPieces> pieces_;
  std::size_t current_ = 0;
  std::uint64_t ended_ = 0;  // samples
};

struct WindowSizes {
  std::size_t reference = 500;  // samples
  std::size_t recent = 500;
};

// Values of one input: the reference's are kept until it is full and then cut into ten bins that hold about
// the same number each.
class ValueDrift {
 public:
  static constexpr std::size_t kBins = 10;

  explicit ValueDrift(WindowSizes sizes) : sizes_(sizes) {}
  void add_sample(std::span<const float> values);

  // Nothing until the reference is full and samples have come after it.
  std::optional<double> drift() const;
  double mean() const { return count_ == 0 ? 0 : mean_; }
  double deviation() const;
  std::uint64_t samples() const { return samples_; }

 private:
  void cut();
  std::size_t bin_of(float value) const;

  WindowSizes sizes_;
  std::uint64_t samples_ = 0;
  std::vector<float> kept_;   // of the reference, while it fills
  std::vector<float> edges_;  // of the bins: a bin's values are at or below its edge
  std::vector<std::uint64_t> reference_;
  std::optional<SlidingCounts> recent_;
  double count_ = 0, mean_ = 0, squares_ = 0;  // of all values, as if of the recent samples: older ones fade
};

// The same for classes.
class ClassDrift {
 public:
  static constexpr std::size_t kMostClasses = 1'024;  // those beyond it count as one

  ClassDrift(std::size_t classes, WindowSizes sizes);
  void add(std::size_t predicted);
  std::optional<double> drift() const;

 private:
  WindowSizes sizes_;
  std::uint64_t samples_ = 0;
  std::vector<std::uint64_t> reference_;
  SlidingCounts recent_;
};

}  // namespace saccade::quality
