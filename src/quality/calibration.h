// Whether a classifier is right as often as it says, over the last judged predictions and over all of them.
//
// Accuracy: the weighted share of predictions whose class was the true one.
// Expected calibration error: predictions are put into ten bins of equal width by their confidence; the gaps
// between a bin's accuracy and its mean confidence, weighted by the bins' shares (M. P. Naeini, G. F. Cooper,
// M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015; C. Guo et al.,
// "On Calibration of Modern Neural Networks", ICML 2017, equation 3). Brier score: the mean of (confidence -
// 1 if right, else confidence - 0) squared (G. W. Brier, "Verification of Forecasts Expressed in Terms of
// Probability", Monthly Weather Review 78, 1950), of the predicted class alone: the log does not keep the
// others' probabilities.
//
// Not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace saccade::quality {

// One prediction whose truth is known.
struct Judged {
  bool right = false;
  double confidence = 0;  // 0 to 1
  double weight = 1;
};

// Sums that predictions can be added to and taken from.
class Scores {
 public:
  static constexpr std::size_t kBins = 10;

  void add(const Judged& judged) { change(judged, judged.weight); }
  void remove(const Judged& judged) { change(judged, -judged.weight); }

  double weight() const { return weight_; }
  double accuracy() const { return right_ / weight_; }
  double brier() const { return squares_ / weight_; }
  double calibration_error() const;

 private:
  void change(const Judged& judged, double weight);

  struct Bin {
    double weight = 0;
    double right = 0;
    double confidence = 0;
  };
  double weight_ = 0;
  double right_ = 0;
  double squares_ = 0;
  std::array<Bin, kBins> bins_{};
};

class Calibration {
 public:
  static constexpr std::size_t kWindow = 1'000;  // predictions

  void add(const Judged& judged);
  const Scores& recent() const { return recent_; }
  const Scores& all() const { return all_; }
  std::uint64_t count() const { return count_; }

 private:
  std::deque<Judged> window_;
  Scores recent_;
  Scores all_;
  std::uint64_t count_ = 0;
};

}  // namespace saccade::quality
